"""A simulation is worth what it notices: each line that keeps money safe is broken once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BREAKS = {
    "the place is claimed in a second commit": (
        "transactions/service.py",
        '    await store.commit(*changes, Insert(happened("transaction.started", txn, at)))\n',
        (
            "    place = changes.pop() if link.max_payments else None\n"
            '    await store.commit(*changes, Insert(happened("transaction.started", txn, at)))\n'
            "    if place is not None:\n"
            "        await store.commit(place)\n"
        ),
    ),
    "the resolver does not wait for call_until": (
        "transactions/looks.py",
        "return operation.call_until + RESOLVE_MARGIN",
        "return operation.asked_at + RESOLVE_MARGIN",
    ),
    "versions are not checked": (
        "storage/memory.py",
        "if version_before(change) != (0 if row is None else row.version):",
        "if isinstance(change, Insert) and row is not None:",
    ),
    "each worker looks it up": (
        "transactions/resolver.py",
        "        if not await committed(store, Update(txn)):\n            return\n",
        "        await committed(store, Update(txn))\n",
    ),
    "an entry is forgotten": ("transactions/settlement.py", "        Insert(entry),\n", ""),
    "an approval that came too late is dropped": (
        "transactions/settlement.py",
        "is_final:\n        return await _compensate(store, txn, at, charged=True)\n    if",
        "is_final:\n        return txn\n    if",
    ),
    "a part that was approved is forgotten": (
        "transactions/settlement.py",
        "    if answer.held:\n",
        "    if False:\n",
    ),
    "what left after it was undone is forgotten": (
        "transactions/settlement.py",
        "        return await _compensate(store, txn, at, charged=False)\n",
        "        return txn\n",
    ),
    "a reversal that is not remembered is believed at once": (
        "transactions/resolver.py",
        "issuer.abilities.reversal_memory or reversal.charged",
        "True",
    ),
    "no such original is believed at once": (
        "transactions/resolver.py",
        "(isinstance(undone, NotFound) and certain)",
        "isinstance(undone, NotFound)",
    ),
    "what is unknown is passed on": (
        "transactions/routing.py",
        "        case NotSent():\n",
        '        case object(reason=_) if not hasattr(answer, "code"):\n',
    ),
    "the next issuer is asked before it is written down": (
        "transactions/routing.py",
        "    await store.commit(Update(txn), Insert(reference), Check(link), Insert(passed_on))\n",
        "",
    ),
    "an unknown answer is taken for a no": (
        "transactions/settlement.py",
        "return await _lose_sight(store, txn, answer, at)",
        'return await _fail(store, txn, NotSent("timeout"), at)',
    ),
    "a refund reserves nothing": (
        "transactions/transaction.py",
        "        return self._become(refunding=self.refunding + amount.minor)\n",
        "        return self._become(refunding=self.refunding)\n",
    ),
    "a refund without an answer is taken for a no": (
        "transactions/refunds.py",
        "            refund = refund.lose_sight(answer.reason)\n",
        (
            "            refund, txn = refund.decline(answer.reason), txn.release(refund.amount)\n"
            "            changes = [Update(txn)]\n"
        ),
    ),
    "what is looked up in vain is asked about too early": (
        "transactions/looks.py",
        "return max(at + pause(looks), first_look(operation))",
        "return at + pause(looks)",
    ),
    "a capture and a void are asked for at once": (
        "transactions/transaction.py",
        "        if self.look_at is not None:\n            raise NotAllowed(",
        "        if False:\n            raise NotAllowed(",
    ),
    "a capture without an answer is taken for a no": (
        "transactions/closings.py",
        "case NotSent() if txn == asked:",
        "case NotSent() | Unknown() if txn == asked:",
    ),
    "a void keeps the place": (
        "transactions/closings.py",
        "[*await free_place_of(store, txn), *await _set_free(store, txn, at)]",
        "[*await _set_free(store, txn, at)]",
    ),
    "what the bank does not have yet is taken for a no": (
        "transactions/following.py",
        "return await issuer.follow(again, now, repeat=True)",
        'from payseal.issuers import Declined; return Declined("25", "no_original")',
    ),
    "the end of a challenge stops the payment that follows it": (
        "transactions/challenges.py",
        "txn = await deciding(settle, store, txn.id, concluded, of=asked, at=now())",
        "txn = await deciding(settle, store, txn.id, concluded, at=now())",
    ),
    "whoever comes back is charged, however often": (
        "transactions/challenges.py",
        "    if txn.status is not TransactionStatus.CHALLENGED:\n        return None\n",
        (
            "    if txn.is_final:\n        return None\n"
            "    from msgspec.structs import force_setattr\n"
            "    force_setattr(txn, 'status', TransactionStatus.CHALLENGED)\n"
        ),
    ),
    "a challenge ends although something may come of it": (
        "transactions/challenges.py",
        "        case Pending() | NotSent() | Unknown():\n            return txn\n",
        (
            "        case Pending() | NotSent() | Unknown():\n"
            "            if now() < txn.challenge.until: return txn\n"
            '            over = Declined("", "over")\n'
            "            return await deciding(settle, store, txn.id, over, at=now())\n"
        ),
    ),
    "a chargeback leaves the payment as it was": (
        "transactions/disputes.py",
        "        Update(disputed),\n",
        "",
    ),
    "a callback marks an entry as the file does": (
        "transactions/callbacks.py",
        'differences.disputed(store, group, "", at)',
        'differences.disputed(store, group, "2029-12-31", at)',
    ),
    "the file does not mark what a callback gave again": (
        "transactions/differences.py",
        "    if not changes and day:\n",
        "    if not changes and not day:\n",
    ),
    "a charge that the file has twice, back and forth, stays a difference": (
        "transactions/differences.py",
        "not (booked and mismatches)",
        "not booked",
    ),
    "a card waits for ever": (
        "vault/vault.py",
        "return await forget(self._store, Waiting, at=at)",
        "return 0",
    ),
    "the last place is paid without a look at the others": (
        "transactions/settlement.py",
        "            changes.append(Check(unpaid))\n",
        "            pass\n",
    ),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_the_simulation_notices_when(broken, tmp_path):
    file, right, wrong = BREAKS[broken]
    shutil.copytree(ROOT / "payseal", tmp_path / "payseal")
    shutil.copytree(ROOT / "tests" / "simulation", tmp_path / "tests" / "simulation")
    source = (tmp_path / "payseal" / file).read_text()
    assert source.count(right) == 1, "the line to break is there"
    (tmp_path / "payseal" / file).write_text(source.replace(right, wrong))
    days = subprocess.run(
        [sys.executable, "-m", "tests.simulation.days", "1000", "--first"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert days.returncode == 1, f"nothing was noticed\n{days.stdout}{days.stderr}"
    assert "1 of" in days.stdout, days.stderr
