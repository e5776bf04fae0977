"""The figures that run_step.py and torch_step.py both print, made the same way."""

import os
import platform
import resource
import statistics
import time


def seconds_of(step, repeats):
    """Wall-clock seconds of each of `repeats` calls; a call returns when its work is done."""
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - begin)
    return seconds


def rates(seconds, images, gflop):
    """Images and GFLOP a second over steps of so many images and GFLOP each."""
    median = statistics.median(seconds)
    return {
        "images_per_second": round(images / median, 3),
        "slowest": round(images / max(seconds), 3),
        "fastest": round(images / min(seconds), 3),
        "steps": len(seconds),
        "gflop_per_step": gflop,
        "gflops": round(gflop / median, 1),
    }


def host_name():
    """What a figure belongs to that no accelerator made."""
    return f"{len(os.sched_getaffinity(0))} cores, {platform.machine()}"


def host_peak_mb():
    """Most memory that this process has held, in MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
