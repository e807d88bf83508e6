import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import SecretStr

from flows.adapters.recording import Recorder, call_key, prompt_hash
from stages.models import Message, Reply, Usage
from tests.adapters.asking import ITEM, KEY, ask, model_at, question
from tests.adapters.fake_model import FakeModel
from tests.adapters.fake_replies import says

ROOT = Path(__file__).parents[2]
REPLY = Reply(text="so — it is", finish="length", model="m", usage=Usage(prompt_tokens=3, completion_tokens=2))


def lines(path: Path) -> list[dict[str, object]]:
    """The calls in a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_prompts_hash_is_that_of_its_roles_and_contents() -> None:
    said = '[["system","Bé"],["user","a\\nb"]]'
    messages = [Message(role="system", content="Bé"), Message(role="user", content="a\nb")]
    assert prompt_hash(messages) == sha256(said.encode()).hexdigest()


def test_a_call_is_one_line_with_all_that_a_replay_needs(tmp_path: Path) -> None:
    asked = question("why?", step="draft", turn=2)
    Recorder(tmp_path / "all.jsonl").record(asked, REPLY)
    (line,) = lines(tmp_path / "all.jsonl")
    assert f"{line['item']}/{line['step']}/{line['turn']}" == call_key(asked)
    assert line["prompt"] == prompt_hash(asked.messages)
    assert (line["text"], line["finish"], line["model"]) == ("so — it is", "length", "m")
    assert line["usage"] == {"prompt_tokens": 3, "completion_tokens": 2}
    assert line["messages"] == [m.model_dump() for m in asked.messages]


def test_a_folder_holds_one_file_per_item(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "new" / "folder")
    recorder.record(question(), REPLY)
    recorder.record(question(step="draft"), REPLY)
    assert [line["step"] for line in lines(tmp_path / "new" / "folder" / f"{ITEM}.jsonl")] == [
        "deep_understanding",
        "draft",
    ]


def test_secrets_are_left_out_of_prompt_and_reply(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "all.jsonl", [SecretStr(KEY), SecretStr("short"), None])
    recorder.record(question(f"my key is {KEY}, in short"), REPLY.model_copy(update={"text": f"{KEY} it is"}))
    written = (tmp_path / "all.jsonl").read_text()
    assert KEY not in written
    assert "in short" in written


def test_several_processes_may_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    script = (
        "import sys; from pathlib import Path; from tests.adapters.test_recording import *\n"
        "for n in range(50): Recorder(Path(sys.argv[1])).record(question('x' * 20_000), REPLY)"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(path)], cwd=ROOT) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert len(lines(path)) == 150


async def test_a_run_is_recorded_where_the_setting_says(tmp_path: Path) -> None:
    with FakeModel(lambda call: says("ok")) as fake:
        await ask(fake, tmp_path, question(f"leak {KEY}"), record=tmp_path / "calls")
    (line,) = lines(tmp_path / "calls" / f"{ITEM}.jsonl")
    assert line["text"] == "ok"
    assert KEY not in str(line)


async def test_a_reply_is_not_lost_where_it_cannot_be_recorded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "calls").write_text("a file where a folder is wanted")
    with FakeModel(lambda call: says("ok")) as fake:
        async with model_at(fake, tmp_path, record=tmp_path / "calls") as model:
            assert (await model.ask(question())).text == "ok"
    assert "could not be recorded" in caplog.text
