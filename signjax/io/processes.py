"""Worker processes that end with the program that started them, even if it is killed."""

import multiprocessing
import os
import threading


def die_with_parent(*_) -> None:
    """Makes this worker end when its parent process ends; for the initializer of a pool."""
    # A pool ends its workers only if its own process ends in order.
    parent = multiprocessing.parent_process()

    def wait_for_parent():
        if parent is not None:
            parent.join()
        # Not sys.exit, which would end this thread alone.
        os._exit(1)

    threading.Thread(target=wait_for_parent, daemon=True).start()
