"""What people see of a run, and what it must not cost."""

import pytest
from pytest_mock import MockerFixture

from flows import views
from flows.progress import Progress


async def test_a_run_that_is_told_to_stop_does_not_wait_for_its_progress_to_be_shown(mocker: MockerFixture) -> None:
    mocker.patch.object(views, "acreate_progress_artifact")
    shown = mocker.patch.object(views, "aupdate_progress_artifact")
    with pytest.raises(SystemExit):
        async with views.moving(Progress(items=1)):
            raise SystemExit
    shown.assert_not_called()
    async with views.moving(Progress(items=1)):
        pass
    shown.assert_awaited_once()
