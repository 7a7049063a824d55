"""What a person can do where a provider gives us no call to withdraw a grant."""

from __future__ import annotations

from collections.abc import Mapping

ADVICE: Mapping[str, Mapping[str, str]] = {
    "withdraw_in_wechat": {
        "zh": "请在微信中取消授权：我 > 设置 > 个人信息与权限 > 授权管理",
        "en": "Withdraw it in WeChat: Me > Settings > Personal Information & Permissions > Authorization Management",
    },
    "withdraw_in_qq": {
        "zh": "请在 QQ 中取消授权：设置 > 隐私 > 授权管理",
        "en": "Withdraw it in QQ: Settings > Privacy > Authorization Management",
    },
    "withdraw_in_alipay": {
        "zh": "请在支付宝中解除授权：我的 > 设置 > 安全设置 > 授权管理",
        "en": "Withdraw it in Alipay's settings, under authorization management",
    },
    "withdraw_in_apple": {
        "zh": "请在设备上停止使用 Apple 账户：设置 > Apple 账户 > 通过 Apple 登录",
        "en": "Stop using your Apple Account on your device: Settings > Apple Account > Sign in with Apple",
    },
    "withdraw_in_weibo": {
        "zh": "请在微博的授权管理中取消授权",
        "en": "Withdraw it in Weibo's list of authorised apps",
    },
    "withdraw_in_huawei": {
        "zh": "请在华为账号的授权管理中取消授权",
        "en": "Withdraw it in your HUAWEI ID's list of authorised apps",
    },
    "withdraw_at_provider": {
        "zh": "请在登录服务提供方的账户页面取消授权",
        "en": "Withdraw it on your account page at the login provider",
    },
}
"""By key, then by language (``zh``, ``en``)."""
