"""Worker processes of a pool end with the program that started them, killed or not."""

import multiprocessing
import os
import threading


def die_with_parent(*_) -> None:
    """Ends this worker as soon as its parent is gone; a pool would leave it running."""
    parent = multiprocessing.parent_process()

    def wait_for_parent():
        if parent is not None:
            parent.join()
        # Not sys.exit, which would end this thread alone.
        os._exit(1)

    threading.Thread(target=wait_for_parent, daemon=True).start()
