"""Why a field was refused, in the person's language. Never the value: it may be a person's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.kernel.errors import MEANINGS, Code

OWN_WORDS = ("value_error", "assertion_error")
"""Kinds whose text is written by a validator of ours."""

_TEXTS: dict[str, tuple[str, str]] = {
    "missing": ("缺少这个字段", "is missing"),
    "extra_forbidden": ("没有这个字段", "there is no such field"),
    "json_invalid": ("不是有效的 JSON", "is not valid JSON"),
    "model_attributes_type": ("须为 JSON 对象", "must be a JSON object"),
    "dict_type": ("须为 JSON 对象", "must be a JSON object"),
    "list_type": ("须为列表", "must be a list"),
    "string_type": ("须为文本", "must be a text"),
    "int_type": ("须为整数", "must be a whole number"),
    "int_parsing": ("须为整数", "must be a whole number"),
    "int_from_float": ("须为整数", "must be a whole number"),
    "float_type": ("须为数字", "must be a number"),
    "float_parsing": ("须为数字", "must be a number"),
    "finite_number": ("须为有限的数字", "must be a finite number"),
    "bool_type": ("须为 true 或 false", "must be true or false"),
    "bool_parsing": ("须为 true 或 false", "must be true or false"),
    "uuid_type": ("须为 UUID", "must be a UUID"),
    "uuid_parsing": ("须为 UUID", "must be a UUID"),
    "string_too_long": ("最多 {max_length} 个字符", "may have {max_length} characters at most"),
    "string_too_short": ("至少 {min_length} 个字符", "must have {min_length} characters at least"),
    "string_pattern_mismatch": ("格式不对", "does not have the right form"),
    "greater_than": ("须大于 {gt}", "must be greater than {gt}"),
    "greater_than_equal": ("不能小于 {ge}", "must be {ge} at least"),
    "less_than": ("须小于 {lt}", "must be less than {lt}"),
    "less_than_equal": ("不能大于 {le}", "must be {le} at most"),
    "literal_error": ("须为以下之一：{expected}", "must be one of {expected}"),
    "enum": ("须为以下之一：{expected}", "must be one of {expected}"),
    "bad_cursor": ("不是这个列表的游标", "is no cursor of this list"),
    "no_such_product": ("没有这种商品", "there is no such product"),
    "not_taken": ("此商品没有这个字段", "this product takes no such field"),
    "too_deep": ("嵌套太深", "is nested too deeply"),
    "not_text": ("含有无效字符", "holds characters that are no text"),
    "number_too_large": ("数字太大", "holds a number that is too large"),
}


_LARGEST = ("上传内容不能超过 {}", "What is sent may be {} at most")


def field_error(field: str, kind: str, language: str, words: Mapping[str, Any] | None = None) -> dict[str, str]:
    """One entry of a problem's ``errors``: which field, the kind of mistake, and the reason as a person reads it."""
    texts = _TEXTS.get(kind)
    reason = texts[language == "en"].format_map(words or {}) if texts else kind.replace("_", " ")
    return {"field": field, "reason": reason, "code": kind}


def told_of(extra: Mapping[str, Any], language: str) -> dict[str, Any]:
    """What an error adds to its problem: codes of reasons get their titles, a field its entry among the ``errors``."""
    told = {name: value for name, value in extra.items() if name != "title"}
    if "max_bytes" in told:
        told["title"] = _LARGEST[language == "en"].format(_size(int(told["max_bytes"])))
    if "reasons" in told:
        told["reasons"] = [titled(code, language) for code in told["reasons"]]
    if "field" in told:
        kind = str(told.pop("kind", "invalid"))
        entry = field_error(str(told["field"]), kind, language)
        entry["reason"] = str(told.get("reason", entry["reason"]))
        told["errors"] = [entry]
    return told


def titled(code: str, language: str) -> dict[str, str]:
    """A photo's reason: its code, and what a person reads."""
    meaning = MEANINGS[Code(code)]
    return {"code": code, "title": meaning.en if language == "en" else meaning.zh}


def field_errors(errors: list[Any], language: str) -> list[dict[str, str]]:
    """The entries for what the framework found wrong with a request."""
    return [_entry(error, language) for error in errors]


def _entry(error: Mapping[str, Any], language: str) -> dict[str, str]:
    field = ".".join(str(part) for part in error["loc"][1:])
    told = field_error(field, error["type"], language, error.get("ctx"))
    if error["type"] in OWN_WORDS:
        told["reason"] = str(error["msg"]).partition(", ")[2]
    return told


def _size(count: int) -> str:
    """So many bytes in the largest unit that tells them exactly."""
    for unit, name in ((1024 * 1024, "MB"), (1024, "KB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count:,} B"
