"""The words and the looks of an export's page."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "title": "我的数据 · 口袋证件照",
        "lead": "这是口袋证件照保存的、关于您的全部数据。机器可读的完整内容在 data.json；照片在 photos 文件夹。打开本页不需要网络。时间为北京时间。",
        "exported_at": "导出时间",
        "subject_id": "编号",
        "kind": "类型",
        "account": "账号",
        "guest": "游客",
        "created_at": "创建时间",
        "nickname": "昵称",
        "age_band": "年龄段",
        "logins": "第三方登录",
        "provider": "平台",
        "linked_at": "绑定时间",
        "name": "名称",
        "photos": "照片",
        "photo_id": "照片编号",
        "status": "状态",
        "reasons": "原因",
        "original": "原图",
        "cutout": "抠图",
        "render": "成品照",
        "preview": "预览（未解锁）",
        "orders": "订单",
        "product": "商品",
        "amount": "金额",
        "refunded": "已退款",
        "credits": "剩余次数",
        "pass_until": "会员有效期至",
        "consents": "同意记录",
        "version": "版本",
        "action": "操作",
        "grant": "同意",
        "withdraw": "撤回",
        "at": "时间",
        "disclosures": "向第三方提供的信息",
        "who": "对象",
        "what": "内容",
        "why": "依据",
        "feedback": "投诉与请求",
        "text": "内容",
        "answer": "答复",
        "deadline": "答复期限",
        "sessions": "登录设备",
        "device": "设备",
        "last_used_at": "最近使用",
        "none": "没有",
        "note": "不在其中：密钥、令牌，以及我们只以哈希保存、自己也读不出的设备标识。已删除的照片已不存在，无法导出。",
    },
    "en": {
        "title": "My data · Pocket ID Photo",
        "lead": (
            "This is all that Pocket ID Photo holds about you. data.json has the whole of it for machines; the pictures are"
            " in the folder photos. This page needs no network. Times are China time (UTC+8)."
        ),
        "exported_at": "Exported at",
        "subject_id": "Id",
        "kind": "Kind",
        "account": "account",
        "guest": "guest",
        "created_at": "Created at",
        "nickname": "Nickname",
        "age_band": "Age",
        "logins": "Third-party logins",
        "provider": "Provider",
        "linked_at": "Linked at",
        "name": "Name",
        "photos": "Photos",
        "photo_id": "Photo id",
        "status": "Status",
        "reasons": "Reasons",
        "original": "Original",
        "cutout": "Cutout",
        "render": "ID photo",
        "preview": "Preview (not unlocked)",
        "orders": "Orders",
        "product": "Product",
        "amount": "Amount",
        "refunded": "Refunded",
        "credits": "Credits left",
        "pass_until": "Pass valid until",
        "consents": "Consents",
        "version": "Version",
        "action": "Action",
        "grant": "granted",
        "withdraw": "withdrawn",
        "at": "At",
        "disclosures": "What third parties were told",
        "who": "Who",
        "what": "What",
        "why": "Ground",
        "feedback": "Complaints and requests",
        "text": "Text",
        "answer": "Answer",
        "deadline": "Due by",
        "sessions": "Signed-in devices",
        "device": "Device",
        "last_used_at": "Last used",
        "none": "none",
        "note": (
            "Not in it: keys, tokens, and the device id, of which we keep a hash that we cannot read ourselves. Deleted"
            " photos are gone and cannot be exported."
        ),
    },
}

CODES: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "wechat": "微信",
        "alipay": "支付宝",
        "apple": "Apple",
        "weibo": "微博",
        "huawei": "华为",
        "qq": "QQ",
        "under_14": "14 岁以下",
        "14_to_17": "14 至 17 岁",
        "adult": "成年",
        "queued": "排队中",
        "processing": "处理中",
        "ready": "可用",
        "rejected": "无法使用",
        "failed": "处理失败",
        "open": "待处理",
        "closing": "关闭中",
        "closed": "已关闭",
        "paid": "已支付",
        "returning": "退款中",
        "refunded": "已退款",
        "answered": "已答复",
        "privacy": "隐私政策",
        "terms": "用户协议",
        "sdk-list": "第三方 SDK 清单",
        "permissions": "权限说明",
        "device_id": "设备标识",
        "camera": "相机",
        "storage": "存储",
        "installed_apps": "已安装应用",
        "personalised_messages": "个性化消息",
        "partner_sharing": "与合作方共享",
        "guardian": "监护人同意",
        "complaint": "投诉",
        "access": "查阅",
        "correction": "更正",
        "deletion": "删除",
        "withdrawal": "撤回同意",
        "security": "安全问题",
        "other": "其他",
    },
    "en": {
        "wechat": "WeChat",
        "alipay": "Alipay",
        "apple": "Apple",
        "weibo": "Weibo",
        "huawei": "Huawei",
        "qq": "QQ",
        "under_14": "under 14",
        "14_to_17": "14 to 17",
        "privacy": "privacy policy",
        "sdk-list": "list of third-party SDKs",
        "device_id": "device id",
        "installed_apps": "installed apps",
        "personalised_messages": "personalised messages",
        "partner_sharing": "sharing with partners",
    },
}
"""Codes in words; one that is not here is shown as it is."""

STYLE = (
    ":root{color-scheme:light dark;--line:#d5dae1;--soft:#667}"
    "body{font:16px/1.6 system-ui,-apple-system,'PingFang SC','Noto Sans CJK SC','Microsoft YaHei',sans-serif;"
    "margin:0 auto;max-width:60rem;padding:1rem 1.25rem 4rem}"
    "section+section{border-top:4px solid var(--line);margin-top:4rem;padding-top:1rem}"
    "h1{font-size:1.7rem;line-height:1.3}h2{font-size:1.2rem;margin:2.2rem 0 .6rem}"
    ".lead,.note,.none{color:var(--soft)}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.4rem 0}"
    "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}"
    "article{border:1px solid var(--line);border-radius:.6rem;margin:0 0 1rem;padding:.6rem 1rem}"
    ".pictures{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-end;margin-top:.6rem}"
    "figure{margin:0}figcaption{color:var(--soft);font-size:.85rem}"
    "img{max-height:12rem;max-width:100%;border-radius:.3rem;background:#eceff3}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}"
    "th,td{border-bottom:1px solid var(--line);padding:.35rem .6rem .35rem 0;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    "th{color:var(--soft);font-weight:500}th,td:first-child{white-space:nowrap}"
)
