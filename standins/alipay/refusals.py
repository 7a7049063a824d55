"""What the gateway says instead of doing it: ``code``, ``msg``, ``sub_code``, ``sub_msg``."""

from __future__ import annotations

MESSAGES = {
    "10000": "Success",
    "20000": "Service Currently Unavailable",
    "20001": "Insufficient Token Permissions",
    "40001": "Missing Required Arguments",
    "40002": "Invalid Arguments",
    "40003": "Insufficient Conditions",
    "40004": "Business Failed",
    "40005": "Call Limited",
    "40006": "Insufficient Permissions",
}
SAID = {
    "ACQ.TRADE_NOT_EXIST": "交易不存在",
    "ACQ.TRADE_HAS_SUCCESS": "交易已被支付",
    "ACQ.TRADE_HAS_CLOSE": "交易已经关闭",
    "ACQ.TRADE_HAS_FINISHED": "交易已完结",
    "ACQ.TRADE_STATUS_ERROR": "交易状态不合法",
    "ACQ.REASON_TRADE_STATUS_INVALID": "交易状态异常",
    "ACQ.CONTEXT_INCONSISTENT": "交易信息被篡改",
    "ACQ.INVALID_PARAMETER": "参数无效",
    "ACQ.INVALID_RECEIVE_ACCOUNT": "收款账户不正确",
    "ACQ.SYSTEM_ERROR": "系统错误",
    "ACQ.SELLER_BALANCE_NOT_ENOUGH": "卖家余额不足",
    "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL": "退款金额与订单金额不一致",
    "ACQ.REASON_TRADE_REFUND_FEE_ERR": "退款金额超限",
    "ACQ.DISCORDANT_REPEAT_REQUEST": "不一致的请求",
    "ACQ.TRADE_CANCEL_TIME_OUT": "超过撤销时间范围",
    "ACQ.CANCEL_NOT_ALLOWED": "交易不允许撤销",
    "isp.bill_not_exist": "账单不存在",
    "isv.invalid_arguments": "参数有误",
}


class Refused(Exception):
    """A call that is answered with an error; ``shown`` goes into the answer beside it."""

    def __init__(self, code: str, sub_code: str, sub_msg: str = "", shown: dict[str, object] | None = None) -> None:
        super().__init__(code, sub_code)
        self.code = code
        self.sub_code = sub_code
        self.sub_msg = sub_msg or SAID.get(sub_code, sub_code)
        self.shown = shown or {}

    def fields(self) -> dict[str, object]:
        """The answer's fields."""
        envelope = {"code": self.code, "msg": MESSAGES.get(self.code, "Business Failed")}
        return {**envelope, "sub_code": self.sub_code, "sub_msg": self.sub_msg, **self.shown}


def business(sub_code: str, sub_msg: str = "", **shown: object) -> Refused:
    """40004."""
    return Refused("40004", sub_code, sub_msg, shown)


def missing(parameter: str) -> Refused:
    """40001 for a common parameter."""
    return Refused("40001", f"isv.missing-{parameter}", f"缺少{parameter}参数")


def invalid(what: str, sub_msg: str = "") -> Refused:
    """40002 ``isv.invalid-…``."""
    return Refused("40002", f"isv.invalid-{what}", sub_msg or f"无效的{what}")
