import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.approach_evaluation import ApproachEvaluation
from stages.consulting import SHOWN_BACK
from stages.deep_understanding import DeepUnderstanding
from stages.errors import Transient, Unusable
from stages.models import Question, Reply, Usage
from stages.outcome import STAGES
from stages.shape import schema, sketch
from stages.stage import Answer, Level
from stages.testing_strategy import TestingStrategy
from stages.thinking import find_object, parse, question, think
from tests.stages.golden import BRIEF, DOSSIER, OURS
from tests.stages.replies import COST, Replies

FACTS = {
    "surface_problem": "It fails.",
    "real_problem": "Nobody looked.",
    "root_cause": "a.py, line 1",
    "scope": "1 line",
    "complexity": "LOW",
}
GOOD = json.dumps(FACTS)
BAD = json.dumps(FACTS | {"complexity": "tiny"})


def understood(text: str) -> DeepUnderstanding:
    return parse(DeepUnderstanding, text, BRIEF, ())


async def test_a_good_reply_is_the_answer_and_carries_its_cost():
    replies = Replies([GOOD])
    thought = await think(DeepUnderstanding, BRIEF, (), replies.ask, OURS)
    assert thought.answer.complexity is Level.LOW
    assert (thought.usage, thought.model, thought.note) == (COST, "listed", "")
    assert replies.questions == [question(DeepUnderstanding, BRIEF, (), OURS)]


async def test_a_bad_reply_is_shown_back_once():
    replies = Replies([BAD, GOOD])
    thought = await think(DeepUnderstanding, BRIEF, (), replies.ask, OURS)
    first, second = replies.questions
    assert (first.turn, second.turn, second.step) == (1, 2, "deep_understanding")
    assert second.messages[:2] == first.messages
    assert (second.messages[2].role, second.messages[2].content) == ("assistant", BAD)
    assert second.messages[3].role == "user"
    assert (
        "`complexity`: Input should be 'LOW', 'MEDIUM', 'HIGH' or 'CRITICAL', not \"tiny\"."
        in second.messages[3].content
    )
    assert thought.usage == COST + COST
    assert "was shown back: Your answer does not have the shape asked for. `complexity`" in thought.note


async def test_a_second_bad_reply_is_unusable_with_both_reasons_and_the_cost():
    replies = Replies([BAD, "Sorry."])
    with pytest.raises(Unusable, match=r"of 0123456789abcdef: .*`complexity`.* Then: .*no complete JSON") as raised:
        await think(DeepUnderstanding, BRIEF, (), replies.ask, OURS)
    assert len(replies.questions) == 2
    assert raised.value.usage == COST + COST


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(text=GOOD, finish="length"), "cut off at the limit of tokens"),
        (Reply(text="", finish="content_filter"), "content filter"),
        (Reply(text="I cannot help.", finish="refusal"), "You declined"),
        (Reply(text=" \n"), "Your answer was empty."),
    ],
)
async def test_a_reply_that_broke_off_is_shown_back_with_the_reason(reply: Reply, told: str):
    replies = Replies([reply, GOOD])
    await think(DeepUnderstanding, BRIEF, (), replies.ask, OURS)
    shown, complaint = replies.questions[1].messages[2:]
    assert shown.content.strip()
    assert told in complaint.content


@pytest.mark.parametrize(("finish", "bound"), [("stop", SHOWN_BACK), ("length", 2_000)])
async def test_of_a_long_bad_reply_only_the_beginning_is_shown_back(finish: str, bound: int):
    replies = Replies([Reply(text="blah " * 20_000, finish=finish), GOOD])
    await think(DeepUnderstanding, BRIEF, (), replies.ask, OURS)
    assert len(replies.questions[1].messages[2].content) <= bound


async def test_notes_of_both_turns_are_kept():
    replies = Replies([Reply(text="", note="The prompt was cut."), Reply(text=GOOD, note="No usage.", usage=Usage())])
    thought = await think(DeepUnderstanding, BRIEF, (), replies.ask, OURS)
    assert thought.note.startswith("The prompt was cut. No usage. deep_understanding: the first answer was shown back")


async def test_an_error_of_the_endpoint_is_not_shown_back():
    asked: list[Question] = []

    async def ask(question: Question) -> Reply:
        asked.append(question)
        raise Transient("broke the connection")

    with pytest.raises(Transient):
        await think(DeepUnderstanding, BRIEF, (), ask, OURS)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"Let me think about {{this}} and {{1, 2}}.\n\n```\n{json.dumps(FACTS, indent=2)}\n```\nDone.",
        f'An example is {{"a": 1}}. {GOOD} As in {{"b": 2}}.',
        f"[{GOOD}]",
        json.dumps({"complexity": "HIGH", "scope": "first thoughts"}) + GOOD,
    ],
)
def test_the_object_is_found_bare_fenced_or_in_prose(text: str):
    assert understood(text).surface_problem == "It fails."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("No idea.", r"holds no complete JSON object \(there is none\)"),
        (GOOD[:-20], r"holds no complete JSON object \(line 1, column \d+: "),
        (GOOD[:-1] + ",}", r"line 1, column \d+: "),
        ('{"files": [{"path": "a"}], "broken": }', r"line 1, column \d+: Expecting value"),
        ("{" + '"a": {' * 100_000, "the parser gives up"),
        ('{"a": ' + "9" * 5_000 + "}", "the parser gives up"),
        ('{"scope": "x"}', r"`surface_problem` is missing\. .*`root_cause` is missing\."),
        (json.dumps(FACTS | {"scope": ""}), r"`scope`: String should have at least 1 character, not \"\""),
        (json.dumps(FACTS | {"evidence": [1]}), r"`evidence\[0\]`: Input should be a valid string, not 1\."),
        ('["a"]', "there is none"),
    ],
)
def test_what_does_not_fit_is_said(text: str, told: str):
    with pytest.raises(Unusable, match=told):
        understood(text)


def test_a_fragment_of_broken_json_is_not_taken_for_the_answer():
    with pytest.raises(Unusable, match="no complete JSON object"):
        find_object('{"files": oops, "steps": [{"files": ["a"], "description": "x"}]}', {"files", "steps"})


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.text() | st.lists(st.text())))
def test_any_object_is_found_within_prose(value: dict[str, object]):
    wanted = {"wanted": 1} | value
    text = f"So {{ it }} is:\n{json.dumps(wanted)}\nThat is {{all}}."
    found = find_object(text, {"wanted"})
    assert found.keys() == wanted.keys()


def test_texts_are_clean_and_without_blanks_at_their_ends():
    answer = understood(json.dumps(FACTS | {"scope": "  one\0 \ud800 line \n"}))
    assert answer.scope == "one\ufffd \ufffd line"


def test_a_blank_text_counts_as_none():
    with pytest.raises(Unusable, match="`scope`"):
        understood(json.dumps(FACTS | {"scope": " \n "}))


HOLLOW = [
    (
        2,
        {"approaches": [{"pros": [""]}, {"cons": [" "]}]},
        "`approaches[0].pros`: give at least 1, each with something in it",
    ),
    (
        2,
        {"approaches": [{"pros": [""]}, {"cons": [" "]}]},
        "`approaches[1].cons`: give at least 1, each with something in it",
    ),
    (2, {"approaches": [{"code_changes": " "}]}, "`approaches[0].code_changes`: String should have at least 1 char"),
    (
        4,
        {"test_plan": {"critical_tests": [""]}},
        "`test_plan.critical_tests`: give at least 1, each with something in it",
    ),
    (5, {"phases": ["", " "]}, "`phases`: give at least 1, each with something in it, not []."),
    (5, {"files": [{"purpose": ""}]}, "`files[0].purpose`: String should have at least 1 char"),
]


def laid_over(value: Any, change: Any) -> Any:
    """The value with what the change names in it."""
    if isinstance(change, dict):
        return value | {name: laid_over(value[name], each) for name, each in change.items()}
    if isinstance(change, list) and change and isinstance(change[0], dict):
        return [laid_over(*pair) for pair in zip(value, change, strict=False)] + value[len(change) :]
    return change


@pytest.mark.parametrize(("number", "change", "told"), HOLLOW)
def test_an_answer_that_says_nothing_is_refused(number: int, change: dict[str, Any], told: str):
    answer = DOSSIER.answers()[number]
    text = json.dumps(laid_over(json.loads(answer.model_dump_json()), change))
    with pytest.raises(Unusable, match=re.escape(told)):
        parse(type(answer), text, BRIEF, ())


def test_blank_texts_among_others_are_passed_over():
    assert understood(json.dumps(FACTS | {"evidence": ["", "a", " "]})).evidence == ("a",)


def test_a_fault_within_a_list_does_not_make_the_list_too_short():
    answer = json.loads(DOSSIER.answers()[2].model_dump_json())
    answer["approaches"][1]["verdict"] = "FINE"
    with pytest.raises(Unusable, match=r"`approaches\[1\]\.verdict`") as caught:
        parse(ApproachEvaluation, json.dumps(answer), BRIEF, ())
    assert "at least" not in str(caught.value)
    answer["approaches"] = answer["approaches"][1:]
    with pytest.raises(Unusable, match=r"`approaches\[0\]\.verdict`.* `approaches`: give at least 2, each"):
        parse(ApproachEvaluation, json.dumps(answer), BRIEF, ())


@pytest.mark.parametrize("said", ["low", "Low", "LOW - using existing code", "low: one line", " LOW. "])
def test_a_level_is_read_however_it_is_written(said: str):
    assert understood(json.dumps(FACTS | {"complexity": said})).complexity is Level.LOW


def test_a_single_text_counts_as_a_list_and_null_as_none():
    assert understood(json.dumps(FACTS | {"evidence": "line 3"})).evidence == ("line 3",)
    assert understood(json.dumps(FACTS | {"evidence": None})).evidence == ()


def test_a_field_too_many_is_passed_over():
    assert understood(json.dumps(FACTS | {"confidence": 0.9})) == understood(GOOD)


def test_broken_rules_are_told_together():
    approach = {"name": "A", "code_changes": "1 line", "pros": ["p"], "cons": ["c"], "verdict": "NOT RECOMMENDED"}
    text = json.dumps({"approaches": [approach, approach], "selected": "B"})
    with pytest.raises(Unusable, match=r"same name.*Exactly one.*`selected` is 'B'"):
        parse(ApproachEvaluation, text, BRIEF, ())


@pytest.mark.parametrize("answer", DOSSIER.answers(), ids=lambda a: a.step)
def test_an_answer_survives_the_way_through_a_reply(answer: Answer):
    assert parse(type(answer), answer.model_dump_json(), BRIEF, DOSSIER.answers()[: answer.number - 1]) == answer


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: s.step)
def test_a_schema_is_self_contained_and_short(stage: type[Answer]):
    text = json.dumps(schema(stage))
    assert "$ref" not in text
    assert '"title"' not in text
    assert (stage.__doc__ or "") not in text
    assert question(stage, BRIEF, (), OURS).schema_ == schema(stage)


def test_the_sketch_says_what_a_field_is_and_how_many():
    text = sketch(schema(ApproachEvaluation))
    assert '"approaches": [{  // 2 to 5 of them\n    "name": string,' in text
    assert '"verdict": "RECOMMENDED" | "NOT RECOMMENDED" | "OVER-ENGINEERED",' in text
    assert "at the edges, and what must come out; may be empty\n" in sketch(schema(TestingStrategy))
    assert "once; empty only where there are none\n" in sketch(schema(TestingStrategy))
