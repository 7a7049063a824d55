"""One photo, or a folder of them, to finished files: in parallel, and going on where an earlier run stopped."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from cli.local_studio import FILE_ERROR, open_studio, order_of, texts
from shared.kernel.errors import PocketError

if TYPE_CHECKING:
    from services.imaging.pipeline.order import RenderOrder
    from services.imaging.pipeline.studio import Studio

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"}
SUFFIXES = {"jpeg": ".jpg", "png": ".png", "pdf": ".pdf"}
PHOTOS_A_WORKER = 4
"""Fewer photos than this are not worth another process, which loads the networks again."""

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """A photo, where its result goes, and what both are known by in the journal."""

    photo: Path
    target: Path
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Maker:
    """The pipeline and the order that every photo is made to."""

    studio: Studio
    order: RenderOrder

    def make(self, photo: Path, target: Path) -> Result:
        """The finished photo on disk, whole or not at all; or the code and the reason why not. Raises OSError."""
        try:
            prepared = self.studio.prepare(photo.read_bytes(), people=self.order.spec.people)
            [cutout] = self.studio.matte([prepared])
            made = self.studio.render(cutout, self.order)
        except PocketError as error:
            return {"photo": str(photo), "code": str(error.actual_code), "reason": texts(error)}
        target.parent.mkdir(parents=True, exist_ok=True)
        half_made = target.with_name(f".{target.name}.part")
        half_made.write_bytes(made.image)
        half_made.replace(target)
        facts = {"width": made.width, "height": made.height, "kb": made.kb, "format": made.format}
        return {"photo": str(photo), "file": str(target), **facts, "compliance": made.compliance}


def jobs_in(folder: Path, output: Path, order: RenderOrder, wanted: dict[str, Any]) -> list[Job]:
    """Every photo of a folder, in the order of their names; two with the same stem keep their suffix in the result's name."""
    photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file())
    photos = [path for path in photos if not path.name.startswith(".")]
    stems = Counter(path.stem for path in photos)
    names = [path.stem if stems[path.stem] == 1 else path.name.replace(".", "-") for path in photos]
    asked = json.dumps([wanted, version("pocketid")], sort_keys=True).encode()
    return [
        Job(path, output / target_name(name, order), _fingerprint(path, asked))
        for path, name in zip(photos, names, strict=True)
    ]


def _fingerprint(photo: Path, asked: bytes) -> str:
    """The photo's name and content, and what was asked of it. What cannot be read is known by its name until it is tried."""
    found = hashlib.sha256(asked + photo.name.encode("utf-8", "surrogateescape") + b"\0")
    with suppress(OSError), photo.open("rb") as content:
        while part := content.read(1 << 20):
            found.update(part)
    return found.hexdigest()


def target_name(stem: str, order: RenderOrder) -> str:
    """``me-one-inch.jpg``, ``me-one-inch-sheet.pdf``."""
    return f"{stem}-{order.spec.id}{'-sheet' if order.sheet else ''}{SUFFIXES[order.format]}"


def journal_of(output: Path) -> Path:
    """Beside the output folder, hidden: one line a photo, written when it is done; a second run reads it and goes on."""
    folder = output.resolve()
    return folder.with_name(f".{folder.name}.pocketid.jsonl")


def finished_before(jobs: Sequence[Job], output: Path) -> dict[str, Result]:
    """Results of an earlier run with the same photo and order, by fingerprint; a file that is gone is made again."""
    journal = journal_of(output)
    wanted = {job.fingerprint: job for job in jobs}
    found: dict[str, Result] = {}
    for line in journal.read_text("utf-8").splitlines() if journal.is_file() else ():
        try:
            entry = json.loads(line)
            fingerprint, result = entry["fingerprint"], entry["result"]
        except (ValueError, TypeError, KeyError):
            continue  # the line that a killed run was writing
        job = wanted.get(fingerprint)
        if job is not None and ("code" in result or job.target.is_file()):
            found[fingerprint] = result | {"photo": str(job.photo), "skipped": True}
    return found


def make_all(jobs: Sequence[Job], output: Path, wanted: dict[str, Any], workers: int) -> Iterator[tuple[Job, Result]]:
    """Each job with its result as it is done, kept in the journal first. Raises BrokenExecutor when a worker dies."""
    output.mkdir(parents=True, exist_ok=True)
    made = _here(jobs, wanted) if workers == 1 else _in_parallel(jobs, wanted, workers)
    with journal_of(output).open("a+b") as journal:
        _end_the_last_line(journal)
        for job, result in made:
            if "error" not in result:
                entry = {"fingerprint": job.fingerprint, "result": result}
                journal.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
                journal.flush()
            yield job, result


def workers_for(jobs: int, asked: int) -> int:
    """How many processes: as many as asked for, else one for every few photos up to one a core."""
    return max(1, min(asked or min(os.cpu_count() or 1, jobs // PHOTOS_A_WORKER), jobs))


def _here(jobs: Sequence[Job], wanted: dict[str, Any]) -> Iterator[tuple[Job, Result]]:
    maker = Maker(open_studio(), order_of(wanted)) if jobs else None
    for job in jobs:
        assert maker is not None
        yield job, _tried(maker, job)


def _in_parallel(jobs: Sequence[Job], wanted: dict[str, Any], workers: int) -> Iterator[tuple[Job, Result]]:
    threads = max(1, (os.cpu_count() or 1) // workers)
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (wanted, threads))
    try:
        running = {pool.submit(_make_in_worker, job): job for job in jobs}
        for done in as_completed(running):
            yield running[done], done.result()
    finally:
        pool.shutdown(cancel_futures=True)


_MAKERS: list[Maker] = []
"""In a worker process: its own pipeline, loaded once."""


def _start_worker(wanted: dict[str, Any], threads: int) -> None:
    Thread(target=_end_with_the_parent, daemon=True).start()
    _MAKERS.append(Maker(open_studio(threads), order_of(wanted)))


def _end_with_the_parent() -> None:
    """A pool's processes would wait for ever for a parent that was killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _make_in_worker(job: Job) -> Result:
    return _tried(_MAKERS[0], job)


def _tried(maker: Maker, job: Job) -> Result:
    """The result; a file that cannot be read or written is told and tried again by the next run."""
    try:
        return maker.make(job.photo, job.target)
    except OSError as error:
        text = f"{error.filename}: {error.strerror}"
        return {"photo": str(job.photo), "code": FILE_ERROR, "reason": {"zh": text, "en": text}, "error": True}


def _end_the_last_line(journal: Any) -> None:
    """A run that was killed while writing left half a line: what comes now starts on its own."""
    size = journal.seek(0, os.SEEK_END)
    if size:
        journal.seek(size - 1)
        if journal.read(1) != b"\n":
            journal.write(b"\n")
