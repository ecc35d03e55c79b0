"""The ratchet between two neighbours: Olm, with all state as bytes.

Does        makes accounts and sessions, encrypts and decrypts letters.
Does not    keep anything: each call gives the state that replaces the one it was given.
Spec        spec/20-sealing.md, 10
Always      1. A failed call changes nothing.  2. State is kept sealed by the caller: its own key is public.
Read first  olm_encrypt().
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass

from vodozemac import Account, AnyOlmMessage, Curve25519PublicKey, Session

from .failure import CannotOpen

OLM_CONTENT = 3999  # bytes of an answered session's message that fit a frame beside a kind byte
OLM_FIRST_CONTENT = 3887  # the same before the other side has answered
_PICKLE_KEY = bytes(32)  # spec/20-sealing.md, 10: the vault seals the state


@dataclass(frozen=True)
class OlmAccount:
    """One side before a session.

    Attributes:
        pickle: the private state, opaque.
        identity: the public identity key, 32 bytes.
        one_time: the public one-time key, 32 bytes.
    """

    pickle: bytes
    identity: bytes
    one_time: bytes


def _pack(state: Account | Session) -> bytes:
    text = state.pickle(_PICKLE_KEY)
    return b64decode(text + "=" * (-len(text) % 4))


def _text(pickle: bytes) -> str:
    return b64encode(pickle).rstrip(b"=").decode("ascii")


def _account(pickle: bytes) -> Account:
    return Account.from_pickle(_text(pickle), _PICKLE_KEY)


def _session(pickle: bytes) -> Session:
    return Session.from_pickle(_text(pickle), _PICKLE_KEY)


def _message(message: bytes) -> AnyOlmMessage:
    return AnyOlmMessage.from_parts(int.from_bytes(message[:1], "big"), message[1:])


def olm_account() -> OlmAccount:
    """Make a fresh account with one one-time key. The randomness is the library's own.

    Source: spec/20-sealing.md, 10.
    """
    account = Account()
    account.generate_one_time_keys(1)
    (one_time,) = account.one_time_keys.values()
    return OlmAccount(_pack(account), account.curve25519_key.to_bytes(), one_time.to_bytes())


def olm_outbound(account: bytes, identity: bytes, one_time: bytes) -> bytes:
    """Begin a session towards the other side.

    Args:
        account: our account's pickle.
        identity: their identity key, 32 bytes, from outside.
        one_time: their one-time key, 32 bytes, from outside.

    Returns:
        The session.

    Raises:
        CannotOpen: the account or one of the keys is not one.

    Source: spec/20-sealing.md, 10.
    """
    try:
        theirs = Curve25519PublicKey.from_bytes(identity), Curve25519PublicKey.from_bytes(one_time)
        return _pack(_account(account).create_outbound_session(*theirs))
    except ValueError:
        raise CannotOpen from None


def olm_inbound(account: bytes, identity: bytes, message: bytes) -> tuple[bytes, bytes]:
    """Begin a session from the other side's first message. The caller then erases the account.

    Args:
        account: our account's pickle.
        identity: their identity key, 32 bytes, known beforehand.
        message: their first message.

    Returns:
        The session, and the plaintext.

    Raises:
        CannotOpen: it is not a first message from that identity to this account.

    Source: spec/20-sealing.md, 10.
    """
    try:
        first = _message(message).to_pre_key()
        if first is None:
            raise CannotOpen
        session, plaintext = _account(account).create_inbound_session(Curve25519PublicKey.from_bytes(identity), first)
    except ValueError:
        raise CannotOpen from None
    return _pack(session), plaintext


def olm_encrypt(session: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
    """Encrypt one letter. Save the new session before the message leaves.

    Args:
        session: the session before.
        plaintext: at most OLM_CONTENT bytes for a frame; the length is not checked here.

    Returns:
        The session after, and the message: a type byte (0 until the other side has answered,
        then 1), then Olm's bytes.

    Raises:
        CannotOpen: the session is not one.

    Source: spec/20-sealing.md, 10.
    """
    try:
        state = _session(session)
        kind, body = state.encrypt(plaintext).to_parts()
    except ValueError:
        raise CannotOpen from None
    return _pack(state), bytes((kind,)) + body


def olm_decrypt(session: bytes, message: bytes) -> tuple[bytes, bytes]:
    """Decrypt one letter.

    Args:
        session: the session before; after a failure it is still the right one.
        message: what olm_encrypt() made on the other side.

    Returns:
        The session after, and the plaintext.

    Raises:
        CannotOpen: not of this session, seen before, damaged, or too far ahead.

    Source: spec/20-sealing.md, 10.
    """
    try:
        state = _session(session)
        plaintext = state.decrypt(_message(message))
    except ValueError:
        raise CannotOpen from None
    return _pack(state), plaintext
