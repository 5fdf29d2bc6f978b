"""Every module gives the numbers that it gave when it was equal to the released code."""

from __future__ import annotations

import numpy as np
import pytest

from tests.seem_model.own_goldens import CASES, FILE, run_case


@pytest.mark.parametrize("name", CASES)
def test_modules_keep_their_numbers(name: str) -> None:
    found = run_case(name)
    with np.load(FILE) as stored:
        assert set(found) == {key for key in stored.files if key.startswith(f"{name}__")}
        for key, values in found.items():
            std = stored[key][1]
            np.testing.assert_allclose(values, stored[key], rtol=1e-3, atol=1e-3 * std, err_msg=key)
