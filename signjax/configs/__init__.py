"""Configs of training runs, by name, and `common`, which they share.

In a checkout they lie in the top-level folder `configs`; an installed package has them here. Either way
`from signjax.configs import common` finds it.
"""

import pathlib

_HERE = pathlib.Path(__file__).parent
if not (_HERE / "common.py").is_file():
    __path__.append(str(_HERE.parents[1] / "configs"))
