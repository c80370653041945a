"""A saved clip to export, and the export command as tests call it."""

import numpy as np
import pytest
from signer import signer

from signjax.pose import skeleton
from signjax.tools import export


@pytest.fixture
def saved(tmp_path):
    """An .npz with a joint that is missing at times: (its path, pose, valid)."""
    points = (signer(7) - [0, 0, 0.03]).astype(np.float32)
    valid = np.random.default_rng(0).random((7, 50)) > 0.1
    valid[:, skeleton.BODY] = True
    codes = {"codes": np.arange(4).reshape(2, 2), "stride": 4, "names": ["arm", "hand"]}
    pose = np.where(valid[..., None], points, np.float32(np.nan))
    np.savez(tmp_path / "one.npz", pose=pose, text="Grüße <b>", **codes)
    return tmp_path / "one.npz", points, valid


def run(capsys, *arguments):
    """(exit code, lines printed, stderr) of the command."""
    code = export.main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err
