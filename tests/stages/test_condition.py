"""What is said of the results dataset's condition."""

from stages.condition import Condition, Quota, markdown_report, text_report

QUOTA = Quota(size=100 * 10**9, files=1000, warning=0.5)
SOUND = Condition(dataset="a/b", head="f" * 40, files=40, size=2_000_000, storage=7_000_000, rows=9, oldest=1, newest=9)


def test_a_quota_is_warned_of_from_the_share_that_was_set_on():
    assert SOUND.near(QUOTA) == ()
    assert SOUND.model_copy(update={"files": 500, "storage": 50 * 10**9}).near(QUOTA) == ()
    (size, files) = SOUND.model_copy(update={"files": 501, "storage": 60 * 10**9}).near(QUOTA)
    assert "60% of its quota of 100 GB" in size
    assert "AUTOCODER_KEEP_ROWS" in size
    assert "60 GB of it" in size, "what a squash would give back"
    assert "501 files, 50% of the 1,000" in files


def test_a_hub_that_does_not_tell_the_storage_is_judged_by_the_files():
    (size,) = SOUND.model_copy(update={"size": 99 * 10**9, "storage": None}).near(QUOTA)
    assert "99% of its quota" in size


def test_a_report_says_all_that_there_is_to_say_on_a_terminal_and_as_a_page():
    found = SOUND.model_copy(update={"faults": ("data/x_y.parquet: move it",), "notes": ("a loss",), "files": 600})
    text = text_report(found, QUOTA, ["The history was squashed."])
    page = markdown_report(found, QUOTA, ["The history was squashed."])
    for said in ("a/b is not sound.", "600 of 1,000 files", "a loss", "The history was squashed.", "iterations 1 to 9"):
        assert said in text
        assert said in page
    assert "- data/x_y.parquet: move it" in text
    assert r"- data/x\_y.parquet: move it" in page, "a file's name cannot format the page"


def test_a_dataset_that_is_not_there_is_told_in_one_line():
    assert text_report(Condition(dataset="a/b"), QUOTA) == "a/b is not there yet: nothing was published.\n"
