"""Worker processes of a pool end with the program that started them, killed or not."""

import multiprocessing
import os
import threading


def die_with_parent(*_) -> None:
    """Called in a new worker: ends it as soon as its parent is gone; a pool would leave it running."""
    parent = multiprocessing.parent_process()

    def wait():
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
