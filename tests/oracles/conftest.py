"""Every comparison with other people's code holds for the fast forms and for the references."""

import pytest

from sagan_tf import ops


@pytest.fixture(autouse=True, params=["auto", "reference"])
def forms(request):
    with ops.using(request.param):
        yield
