"""How wrong a matte is: the four usual errors, and the halo that a person would see."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from services.imaging.pipeline.arrays import Plane, as_plane

NEW_BACKGROUNDS = ((255, 255, 255), (67, 142, 219), (200, 30, 40))
BAND = (0.05, 0.95)


def errors(alpha: Plane, truth: Plane) -> dict[str, float]:
    """SAD, gradient and connectivity in thousands, MSE in thousandths, over the whole picture."""
    return {
        "sad": float(np.abs(alpha - truth).sum() / 1000),
        "mse": float(((alpha - truth) ** 2).mean() * 1000),
        "grad": float(((_gradient(alpha) - _gradient(truth)) ** 2).sum() / 1000),
        "conn": float(np.abs(_connected(alpha, truth) - _connected(truth, alpha)).sum() / 1000),
    }


def halo(colours: Plane, alpha: Plane, premultiplied: Plane, truth: Plane) -> float:
    """Mean colour error (0..255) where the true alpha is between 0.05 and 0.95, over three new backgrounds."""
    band = (truth > BAND[0]) & (truth < BAND[1])
    found = []
    for colour in NEW_BACKGROUNDS:
        back = np.asarray(colour, dtype=np.float32)
        ours = alpha[band][:, None] * colours[band] + (1 - alpha[band][:, None]) * back
        wanted = premultiplied[band] + (1 - truth[band][:, None]) * back
        found.append(float(np.abs(ours - wanted).mean()))
    return float(np.mean(found))


def _gradient(alpha: Plane) -> Any:
    soft = cv2.GaussianBlur(alpha, (0, 0), 1.4)
    return np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(soft, cv2.CV_32F, 0, 1) / 8)


def _connected(alpha: Plane, other: Plane) -> Plane:
    """How connected each pixel is to the region that is solid in both mattes (Rhemann et al., 2009)."""
    level = np.full(alpha.shape, -1.0, dtype=np.float32)
    steps = np.arange(0.1, 1.01, 0.1)
    for before, step in zip(np.concatenate([[0.0], steps[:-1]]), steps, strict=True):
        both = ((alpha >= step) & (other >= step)).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(both, connectivity=4)
        largest = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])) if count > 1 else np.zeros_like(both) > 0
        level[(level < 0) & ~largest] = before
    level[level < 0] = 1.0
    away = alpha - level
    return as_plane(1 - away * (away >= 0.15))
