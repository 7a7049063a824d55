"""The closed list of error codes, and the exceptions that carry them.

Every error has two audiences: ``public`` is what a person may read (Chinese first, English second), ``detail`` is for the
log and never leaves the process. ``http_status`` and ``retryable`` belong to the code, in one table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Code(StrEnum):
    """Every error code a client can meet (the interface's contract: codes are added, never renamed)."""

    # the request
    BAD_REQUEST = "bad_request"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    CONFLICT = "conflict"
    NOT_READY = "not_ready"
    PAYMENT_REQUIRED = "payment_required"
    ALREADY_UNLOCKED = "already_unlocked"
    CREDIT_USED = "credit_used"
    NO_CREDIT = "no_credit"
    TOO_MANY_REQUESTS = "too_many_requests"
    # who asks
    UNAUTHENTICATED = "unauthenticated"
    TOKEN_EXPIRED = "token_expired"
    SESSION_REVOKED = "session_revoked"
    SUBJECT_ERASED = "subject_erased"
    # third-party logins
    LOGIN_CODE_INVALID = "login_code_invalid"
    LOGIN_TOKEN_INVALID = "login_token_invalid"
    LOGIN_CANCELLED = "login_cancelled"
    LOGIN_UNFINISHED = "login_unfinished"
    PROVIDER_UNKNOWN = "provider_unknown"
    PROVIDER_REFUSED = "provider_refused"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    PROVIDER_RATE_LIMITED = "provider_rate_limited"
    # accounts
    ACCOUNT_REQUIRED = "account_required"
    IDENTITY_TAKEN = "identity_taken"
    IDENTITY_EXISTS = "identity_exists"
    LAST_IDENTITY = "last_identity"
    GUARDIAN_MUST_BE_ADULT = "guardian_must_be_adult"
    # consent
    CONSENT_REQUIRED = "consent_required"
    GUARDIAN_CONSENT_REQUIRED = "guardian_consent_required"
    POLICY_OUTDATED = "policy_outdated"
    # the photo
    UNSUPPORTED_FORMAT = "unsupported_format"
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    CORRUPT_IMAGE = "corrupt_image"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    SECOND_FACE_MISSING = "second_face_missing"
    FACE_TOO_SMALL = "face_too_small"
    FACE_CUT_OFF = "face_cut_off"
    TOO_BLURRY = "too_blurry"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    EYES_CLOSED = "eyes_closed"
    HEAD_TURNED = "head_turned"
    FACE_COVERED = "face_covered"
    # the order for a render
    UNKNOWN_SPEC = "unknown_spec"
    RETOUCH_FORBIDDEN = "retouch_forbidden"
    KB_UNREACHABLE = "kb_unreachable"
    # us
    UNAVAILABLE = "unavailable"
    TIMED_OUT = "timed_out"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means: its HTTP status, whether trying again may help, and its text in both languages."""

    http_status: int
    retryable: bool
    zh: str
    en: str


MEANINGS: dict[Code, Meaning] = {
    Code.BAD_REQUEST: Meaning(422, False, "请求内容有误", "The request is not valid"),
    Code.NOT_FOUND: Meaning(404, False, "没有找到", "Not found"),
    Code.METHOD_NOT_ALLOWED: Meaning(405, False, "不支持这种请求方法", "This method is not allowed here"),
    Code.IDEMPOTENCY_CONFLICT: Meaning(
        409, False, "同一个 Idempotency-Key 已用于另一个请求", "This Idempotency-Key was used for another request"
    ),
    Code.CONFLICT: Meaning(409, False, "当前状态不允许这个操作", "The present state does not allow this"),
    Code.NOT_READY: Meaning(409, True, "照片还在处理中，请稍候", "The photo is still being processed"),
    Code.PAYMENT_REQUIRED: Meaning(402, False, "付款后即可下载", "Payment is needed before the download"),
    Code.ALREADY_UNLOCKED: Meaning(409, False, "这张照片已经解锁，不用再付款", "This photo is unlocked already"),
    Code.CREDIT_USED: Meaning(
        409, False, "已使用的次数或会员不能退款", "What was bought has been used and cannot be refunded"
    ),
    Code.NO_CREDIT: Meaning(402, False, "没有可用的次数，请先购买", "There is no credit left, buy some first"),
    Code.TOO_MANY_REQUESTS: Meaning(429, True, "请求太频繁，请稍后再试", "Too many requests, try again later"),
    Code.UNAUTHENTICATED: Meaning(401, False, "请先登录", "A valid access token is needed"),
    Code.TOKEN_EXPIRED: Meaning(401, False, "登录已过期，请刷新", "The access token has expired, refresh it"),
    Code.SESSION_REVOKED: Meaning(401, False, "此登录已退出", "This session has ended"),
    Code.SUBJECT_ERASED: Meaning(401, False, "数据已清空，请重新开始", "The data was wiped, start again"),
    Code.LOGIN_CODE_INVALID: Meaning(
        401, False, "登录凭证已失效，请重新登录", "The login code is no longer valid, log in again"
    ),
    Code.LOGIN_TOKEN_INVALID: Meaning(
        401, False, "无法确认您的身份，请重新登录", "The login could not be verified, log in again"
    ),
    Code.LOGIN_CANCELLED: Meaning(401, False, "您已取消登录", "The login was cancelled"),
    Code.LOGIN_UNFINISHED: Meaning(504, False, "登录没有完成，请重新登录", "The login did not finish, log in again"),
    Code.PROVIDER_UNKNOWN: Meaning(422, False, "不支持这种登录方式", "This way of logging in is not on offer"),
    Code.PROVIDER_REFUSED: Meaning(
        502, False, "这种登录方式暂时无法使用", "This way of logging in does not work at present"
    ),
    Code.PROVIDER_UNAVAILABLE: Meaning(
        503, True, "登录服务暂时没有响应，请稍后再试", "The login provider does not answer, try again later"
    ),
    Code.PROVIDER_RATE_LIMITED: Meaning(
        503, True, "登录人数过多，请稍后再试", "The login provider is busy, try again later"
    ),
    Code.ACCOUNT_REQUIRED: Meaning(403, False, "请先登录账号", "An account is needed for this, log in first"),
    Code.IDENTITY_TAKEN: Meaning(409, False, "该登录方式已绑定其他账号", "This login belongs to another account"),
    Code.IDENTITY_EXISTS: Meaning(
        409, False, "该平台已绑定其他登录，请先解绑", "Another login of this provider is linked, unlink it first"
    ),
    Code.LAST_IDENTITY: Meaning(
        409, False, "这是最后一种登录方式，不能解绑", "This is the last login, it cannot be unlinked"
    ),
    Code.GUARDIAN_MUST_BE_ADULT: Meaning(403, False, "监护人须为成年人", "A guardian must be an adult"),
    Code.CONSENT_REQUIRED: Meaning(403, False, "需要您先同意隐私政策", "Your consent to the policy is needed first"),
    Code.GUARDIAN_CONSENT_REQUIRED: Meaning(403, False, "需要监护人同意", "A guardian's consent is needed"),
    Code.POLICY_OUTDATED: Meaning(409, False, "隐私政策已更新，请重新确认", "The policy has changed, consent again"),
    Code.UNSUPPORTED_FORMAT: Meaning(
        415, False, "请上传 JPEG、PNG、WebP 或 HEIC 照片", "Upload a JPEG, PNG, WebP or HEIC photo"
    ),
    Code.TOO_LARGE: Meaning(413, False, "照片不能超过 20 MB", "The photo may be 20 MB at most"),
    Code.TOO_MANY_PIXELS: Meaning(
        413, False, "照片不能超过 5000 万像素", "The photo may have 50 million pixels at most"
    ),
    Code.CORRUPT_IMAGE: Meaning(422, False, "照片已损坏，请换一张", "The photo is damaged, choose another"),
    Code.NO_FACE: Meaning(422, False, "没有找到人脸，请正对镜头重拍", "No face was found; face the camera and retake"),
    Code.SEVERAL_FACES: Meaning(422, False, "照片里有别人的脸，请避开", "Other faces are in the photo; keep them out"),
    Code.SECOND_FACE_MISSING: Meaning(422, False, "需要两个人，只找到一张脸", "Two faces are needed, one was found"),
    Code.FACE_TOO_SMALL: Meaning(422, False, "人脸太小，请靠近一些", "The face is too small; move closer"),
    Code.FACE_CUT_OFF: Meaning(422, False, "头部没有拍全，请离远一些", "The head is cut off; move back a little"),
    Code.TOO_BLURRY: Meaning(422, False, "照片太模糊，请拿稳重拍", "The photo is blurred; hold still and retake"),
    Code.TOO_DARK: Meaning(422, False, "光线太暗，请到明亮处拍摄", "It is too dark; find more light"),
    Code.TOO_BRIGHT: Meaning(422, False, "光线太强，请避开强光", "It is too bright; avoid strong light"),
    Code.EYES_CLOSED: Meaning(422, False, "请睁开双眼", "Keep both eyes open"),
    Code.HEAD_TURNED: Meaning(422, False, "请正对镜头", "Face the camera straight on"),
    Code.FACE_COVERED: Meaning(422, False, "请露出整张脸", "Keep the whole face uncovered"),
    Code.UNKNOWN_SPEC: Meaning(422, False, "没有这种规格", "There is no such spec"),
    Code.RETOUCH_FORBIDDEN: Meaning(422, False, "此规格不允许修饰照片", "This spec forbids retouching"),
    Code.KB_UNREACHABLE: Meaning(422, False, "无法达到要求的文件大小", "The wanted file size cannot be reached"),
    Code.UNAVAILABLE: Meaning(503, True, "服务暂时不可用，请稍后再试", "The service is not available, try again later"),
    Code.TIMED_OUT: Meaning(504, True, "处理超时，请稍后再试", "It took too long, try again later"),
    Code.INTERNAL: Meaning(500, True, "服务出错了", "Something went wrong on our side"),
}


class PocketError(Exception):
    """The root of every error we raise on purpose.

    ``detail`` goes to the log only and must never hold a person's data; ``public_extra`` is shown to the client.
    """

    code: ClassVar[Code] = Code.INTERNAL

    def __init__(
        self, detail: str = "", *, code: Code | None = None, public_extra: dict[str, object] | None = None
    ) -> None:
        self.actual_code = code or self.code
        self.detail = detail
        self.public_extra = public_extra or {}
        super().__init__(f"{self.actual_code}: {detail}" if detail else str(self.actual_code))

    @property
    def meaning(self) -> Meaning:
        """What the code means: status, retryable, texts."""
        return MEANINGS[self.actual_code]

    @property
    def http_status(self) -> int:
        """The HTTP status this error becomes."""
        return self.meaning.http_status

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later."""
        return self.meaning.retryable

    def public(self, language: str = "zh") -> str:
        """What a person reads, in ``zh`` (default) or ``en``."""
        return self.meaning.en if language == "en" else self.meaning.zh


class BadRequest(PocketError):
    """The caller sent something that makes no sense."""

    code = Code.BAD_REQUEST

    @classmethod
    def at(cls, *fields: str, reason: str = "missing", detail: str = "") -> BadRequest:
        """The same, naming the fields and the reason to the client, as every 422 of the gateway's own does."""
        errors = [{"field": field, "reason": reason} for field in fields]
        return cls(detail or f"{reason}: {', '.join(fields)}", public_extra={"errors": errors})


class NotFound(PocketError):
    """There is no such thing, or it is somebody else's: the two are not told apart."""

    code = Code.NOT_FOUND


class Conflict(PocketError):
    """The present state does not allow the call."""

    code = Code.CONFLICT


class IdempotencyConflict(PocketError):
    """The idempotency key was already used for another body."""

    code = Code.IDEMPOTENCY_CONFLICT


class NotReady(PocketError):
    """The photo is still being worked on."""

    code = Code.NOT_READY


class Unauthenticated(PocketError):
    """No token, or one that we did not sign."""

    code = Code.UNAUTHENTICATED


class SubjectErased(PocketError):
    """The subject is fenced: it is being purged, or already gone."""

    code = Code.SUBJECT_ERASED


class ConsentMissing(PocketError):
    """What is asked for needs a consent that does not stand (one of the consent codes)."""

    code = Code.CONSENT_REQUIRED


class LoginFailed(PocketError):
    """A third-party login came to nothing; the code says whose turn it is (one of the login codes)."""

    code = Code.LOGIN_CODE_INVALID

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(detail, code=code)


class PhotoRejected(PocketError):
    """The photo cannot be used; the code says why (one of the photo codes)."""

    code = Code.CORRUPT_IMAGE

    def __init__(self, code: Code, detail: str = "", *, public_extra: dict[str, object] | None = None) -> None:
        super().__init__(detail, code=code, public_extra=public_extra)


class Unavailable(PocketError):
    """Something we need does not answer; trying again later may help."""

    code = Code.UNAVAILABLE


class TimedOut(PocketError):
    """Something we need took too long."""

    code = Code.TIMED_OUT


_OF_REQUESTS: tuple[type[PocketError], ...] = (BadRequest, NotFound, Conflict, IdempotencyConflict, NotReady)
_OF_OTHERS: tuple[type[PocketError], ...] = (Unauthenticated, SubjectErased, Unavailable, TimedOut)
_BY_CODE: dict[Code, type[PocketError]] = {kind.code: kind for kind in (*_OF_REQUESTS, *_OF_OTHERS)} | dict.fromkeys(
    (Code.CONSENT_REQUIRED, Code.POLICY_OUTDATED, Code.GUARDIAN_CONSENT_REQUIRED), ConsentMissing
)


def error_of(code: Code, detail: str = "", public_extra: dict[str, object] | None = None) -> PocketError:
    """The error with this code, as the class that code is caught by: how an error arrives from another process."""
    return _BY_CODE.get(code, PocketError)(detail, code=code, public_extra=public_extra)
