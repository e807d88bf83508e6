"""A claim belongs to one run and dies with its process."""

import subprocess
import sys

import pytest

from flows.adapters import claims
from flows.adapters.claims import Claims
from stages.errors import Transient


def test_what_one_run_holds_another_does_not_get(tmp_path):
    mine, theirs = Claims(tmp_path), Claims(tmp_path)
    assert mine.take(["a", "b"], limit=1) == {"a"}
    assert theirs.take(["a", "b"], limit=2) == {"b"}


def test_a_released_claim_is_free_and_leaves_no_file(tmp_path):
    held = Claims(tmp_path)
    held.take(["a"], limit=1)
    held.release()
    assert list(tmp_path.iterdir()) == []
    assert Claims(tmp_path).take(["a"], limit=1) == {"a"}


def test_what_others_hold_is_told_and_what_nobody_holds_is_cleared_away(tmp_path):
    mine, theirs = Claims(tmp_path), Claims(tmp_path)
    assert mine.elsewhere() == set()
    mine.take(["a"], limit=1)
    theirs.take(["b"], limit=1)
    (tmp_path / "c.lock").touch()
    assert mine.elsewhere() == {"b"}
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["a", "b"]
    assert theirs.elsewhere() == {"a"}


def test_what_takes_up_alone_holds_the_others_up_and_is_no_claim(tmp_path, monkeypatch):
    mine, theirs = Claims(tmp_path), Claims(tmp_path)
    monkeypatch.setattr(claims, "PATIENCE_S", 0.1)
    with mine.alone():
        assert theirs.elsewhere() == set()
        with pytest.raises(Transient, match="Another run has been taking up items"), theirs.alone():
            pass
    with theirs.alone():
        assert theirs.take(["a"], limit=1) == {"a"}


def test_a_claim_dies_with_its_process(tmp_path):
    code = "import sys, time; from flows.adapters.claims import Claims; from pathlib import Path\n"
    code += "claims = Claims(Path(sys.argv[1])); claims.take(['a'], 1); print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert Claims(tmp_path).take(["a"], limit=1) == set()
        holder.kill()
        holder.wait()
    assert Claims(tmp_path).take(["a"], limit=1) == {"a"}
