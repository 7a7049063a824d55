"""The Prometheus metrics of all processes: names are a contract with the dashboards and alerts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SLOW = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300, 900)

HANDLED = Counter("pocketid_messages_handled_total", "Messages by queue and verdict", ("queue", "verdict"))
HANDLING_SECONDS = Histogram("pocketid_message_seconds", "Time to handle a message", ("queue",), buckets=QUICK)
CALLS = Counter("pocketid_calls_answered_total", "Calls answered, by method and code", ("method", "code"))
CALL_SECONDS = Histogram("pocketid_call_seconds", "Time to answer a call", ("method",), buckets=QUICK)
RELAYED = Counter("pocketid_outbox_relayed_total", "Messages the broker confirmed", ("service",))
UNROUTABLE = Counter("pocketid_outbox_unroutable_total", "Messages that found no queue and were kept", ("service",))
OUTBOX_WAITING = Gauge("pocketid_outbox_waiting", "Messages waiting in the outbox", ("service",))
HTTP = Counter("pocketid_http_requests_total", "Requests by route, method and status", ("route", "method", "status"))
HTTP_SECONDS = Histogram("pocketid_http_seconds", "Time to answer a request", ("route",), buckets=QUICK)
STAGE_SECONDS = Histogram("pocketid_worker_stage_seconds", "Worker time by stage", ("stage",), buckets=QUICK)
JOB_SECONDS = Histogram(
    "pocketid_worker_job_seconds", "Worker time of a whole matting job, taken to settled", buckets=QUICK
)
PHOTOS = Counter("pocketid_photos_total", "Photos worked on, by outcome", ("outcome",))
WORKER_RSS = Gauge("pocketid_worker_rss_bytes", "Resident memory of the worker")
PURGES_STARTED = Counter("pocketid_purges_started_total", "Purges by reason", ("reason",))
PURGES_STUCK = Gauge("pocketid_purges_stuck", "Purges that are stuck: each one needs an operator")
PURGE_SECONDS = Histogram("pocketid_purge_seconds", "Seconds from request to each state", ("state",), buckets=SLOW)
OLDEST_PURGE = Gauge("pocketid_purge_oldest_seconds", "Age of the oldest purge that is not completed")
MISSING_OBJECTS = Gauge("pocketid_objects_missing", "Registered objects that are not in the store: must be 0")
PURGES_BY_STATE = Gauge("pocketid_purges", "Purges that are not completed, by state", ("state",))
FINDINGS = Counter(
    "pocketid_retention_findings_total", "Erased data that was found to be back: must stay 0", ("where",)
)
SWEPT_AT = Gauge("pocketid_retention_swept_at", "When the last sweep over all subjects ended (Unix time)")
NOTICES = Counter(
    "pocketid_alipay_notices_total", "Notices, by what they were worth (forged ones by why)", ("verdict",)
)
ALIPAY_CALLS = Counter("pocketid_alipay_calls_total", "Calls to Alipay, by method and outcome", ("method", "outcome"))
ALIPAY_SECONDS = Histogram("pocketid_alipay_seconds", "Time of a call to Alipay", ("method",), buckets=QUICK)
ORDERS = Counter("pocketid_orders_total", "Orders that reached a state", ("state",))
REFUNDS = Counter("pocketid_refunds_total", "Refunds by cause and end", ("cause", "end"))
REFUNDS_IN_TROUBLE = Gauge("pocketid_refunds_in_trouble", "Refunds that Alipay refuses: each one needs an operator")
OLDEST_REFUND = Gauge("pocketid_refund_oldest_seconds", "Age of the oldest refund that is not done")
DIFFERENCES = Gauge("pocketid_bill_differences", "Open differences between bills and books: each one needs an operator")
LEDGER_FAULTS = Gauge("pocketid_ledger_faults", "Things wrong with the books: must be 0")
EXPORTS = Counter("pocketid_exports_total", "Exports by how they ended", ("end",))
EXPORT_SECONDS = Histogram("pocketid_export_seconds", "Time to build an export", buckets=SLOW)
FEEDBACK = Counter("pocketid_feedback_total", "Feedback that came in, by kind", ("kind",))
FEEDBACK_OVERDUE = Gauge(
    "pocketid_feedback_overdue", "Open tickets past their legal deadline: each one needs an operator"
)
