"""What was heard of archives last: for the page and for the health check, without waiting."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from appliance.core import PeerError
from appliance.exchange.pacs_contacts import Contacts
from appliance.upkeep.checks.pacs import PacsCheck
from tests.support.waiting import wait_until


class Fake:
    """An archive that says what it is told to say."""

    def __init__(self, name, error=None):
        self.name, self.error, self.n_asked = name, error, 0

    def __str__(self):
        return self.name

    def echo(self):
        self.n_asked += 1
        if self.error:
            raise self.error


@pytest.fixture
def links():
    gone = Fake("gone", PeerError("gone does not answer", hint="Check the port."))
    return {"main": Fake("main"), "gone": gone}


def checked(contacts):
    return PacsCheck().run(SimpleNamespace(probes={"pacs": contacts.problems}))


def test_the_last_word_is_kept_until_the_archive_is_another_one(links):
    contacts = Contacts(links)
    assert contacts.last("main") is None
    contacts.echo(links["main"])
    with pytest.raises(PeerError):
        contacts.echo(links["gone"])
    assert (contacts.last("main").ok, contacts.last("gone").hint) == (True, "Check the port.")
    contacts.forget("main")
    assert contacts.last("main") is None
    old, links["main"] = links["main"], Fake("main")
    contacts.echo(old)  # asked before it was changed: its word is not the new one's
    assert contacts.last("main") is None


def test_PACS_12_the_health_check_tells_who_does_not_answer_and_waits_for_nobody(links):
    contacts = Contacts(links)
    result = wait_until(
        lambda: (now := checked(contacts)).level == "warning" and now, "it was asked"
    )
    assert result.text == "gone does not answer."
    assert links["gone"].n_asked == 1  # and not again at each look
    del links["gone"]
    assert checked(contacts).level == "ok"
