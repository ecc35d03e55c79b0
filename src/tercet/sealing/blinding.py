"""Blind signatures: what is signed unseen cannot be known again by who signed it.

Does        blinds, signs blind, takes the blind off and verifies: RSABSSA-SHA384-PSS-Randomized.
Does not    draw chance but for a new key; decide who gets a signature.
Spec        spec/20-sealing.md, 15
Always      1. Nothing leaves that does not verify.  2. The private key meets no number that its sender chose.
Read first  blind(), blind_sign(), unblind().
"""

from __future__ import annotations

from hashlib import sha384
from math import gcd

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA384

from .failure import CannotOpen

BLIND_PUBLIC = 256  # bytes of a modulus, and of everything that is blinded, signed or a signature under it
BLIND_ENTROPY = 272  # bytes of chance in a blinding factor: 16 more than the modulus has, so that no factor is likelier
BLIND_PREFIX = 32  # bytes of chance before what is signed
BLIND_SALT = 48  # bytes of chance in its encoding
EXPONENT = 65_537
_HASH = 48  # bytes of SHA-384
_LENGTHS = (BLIND_PUBLIC, 2 * BLIND_PUBLIC)  # the RFC's own vector has 4,096 bits


def blind_key() -> bytes:
    """Make a private key: two primes, 128 bytes each. The randomness is the library's own.

    Source: spec/20-sealing.md, 15.
    """
    numbers = generate_private_key(EXPONENT, 8 * BLIND_PUBLIC).private_numbers()
    return b"".join(prime.to_bytes(BLIND_PUBLIC // 2, "big") for prime in (numbers.p, numbers.q))


def blind_public(private: bytes) -> bytes:
    """The public key of a private one: the modulus, 256 bytes.

    Raises:
        CannotOpen: it is no private key.

    Source: spec/20-sealing.md, 15.
    """
    p, q = _primes(private)
    return (p * q).to_bytes(len(private), "big")


def blind(public: bytes, message: bytes, salt: bytes, entropy: bytes) -> bytes:
    """Blind a message, to be signed unseen.

    Args:
        public: 256 bytes, from outside.
        message: 32 fresh random bytes and what is to be signed.
        salt: 48 fresh random bytes.
        entropy: 272 fresh random bytes; with them alone the blind comes off.

    Returns:
        256 bytes that say nothing of the message.

    Raises:
        CannotOpen: it is no public key; also one whose modulus shares a factor with what comes of the message or
            of the entropy, as no modulus of two large primes ever will.
        ValueError: salt or entropy has another length.

    Source: spec/20-sealing.md, 15; RFC 9474, 4.2.
    """
    n = _modulus(public)
    encoded = int.from_bytes(encode_pss(message, salt, n.bit_length() - 1), "big")
    if gcd(encoded, n) != 1:
        raise CannotOpen
    return (encoded * pow(_factor(entropy, n), EXPONENT, n) % n).to_bytes(len(public), "big")


def blind_sign(private: bytes, blinded: bytes, entropy: bytes) -> bytes:
    """Sign what is blinded.

    The private key works on another number, drawn with `entropy`, and what comes of it is checked: neither the
    time that it took nor a fault of the machine says anything of the key.

    Args:
        private: 256 bytes, two primes.
        blinded: 256 bytes, from outside.
        entropy: 272 fresh random bytes.

    Raises:
        CannotOpen: not as long as the modulus, or not below it; or what was signed does not verify.
        ValueError: entropy has another length.

    Source: spec/20-sealing.md, 15; RFC 9474, 4.3.
    """
    p, q = _primes(private)
    n = p * q
    given = _below(blinded, n, len(private))
    factor = _factor(entropy, n)
    hidden = given * pow(factor, EXPONENT, n) % n
    signed = _power(hidden, p, q) * pow(factor, -1, n) % n
    if pow(signed, EXPONENT, n) != given:
        raise CannotOpen
    return signed.to_bytes(len(private), "big")


def unblind(public: bytes, message: bytes, signed: bytes, entropy: bytes) -> bytes:
    """Take the blind off a signature, and verify what is left.

    Args:
        public: 256 bytes, from outside.
        message: as it was blinded.
        signed: 256 bytes, from outside.
        entropy: that it was blinded with.

    Returns:
        The signature, 256 bytes.

    Raises:
        CannotOpen: of another length, or no signature of that message.
        ValueError: entropy has another length.

    Source: spec/20-sealing.md, 15; RFC 9474, 4.4.
    """
    n = _modulus(public)
    given = _below(signed, n, len(public))
    signature = (given * pow(_factor(entropy, n), -1, n) % n).to_bytes(len(public), "big")
    verify_blind(public, message, signature)
    return signature


def verify_blind(public: bytes, message: bytes, signature: bytes) -> None:
    """Verify a signature that was made blind, or raise.

    Args:
        public: 256 bytes, from outside.
        message: 32 bytes of chance and what was signed.
        signature: 256 bytes, from outside.

    Raises:
        CannotOpen: it is not that key's signature of that message, or has a wrong form.

    Source: spec/20-sealing.md, 15; RFC 9474, 4.5.
    """
    n = _modulus(public)
    if len(signature) != len(public):
        raise CannotOpen
    try:
        RSAPublicNumbers(EXPONENT, n).public_key().verify(signature, message, PSS(MGF1(SHA384()), _HASH), SHA384())
    except (InvalidSignature, ValueError):
        raise CannotOpen from None


def encode_pss(message: bytes, salt: bytes, bits: int) -> bytes:
    """EMSA-PSS with SHA-384 and MGF1 with the same: what is raised to a power in place of the message.

    Args:
        message: any length.
        salt: 48 bytes.
        bits: one less than the modulus has.

    Raises:
        ValueError: the salt has another length.

    Source: spec/20-sealing.md, 15; RFC 8017, 9.1.1.
    """
    if len(salt) != BLIND_SALT:
        raise ValueError("a salt has 48 bytes")
    size = -(-bits // 8)
    hashed = sha384(bytes(8) + sha384(message).digest() + salt).digest()
    block = (b"\x01" + salt).rjust(size - _HASH - 1, b"\x00")
    mask = b"".join(sha384(hashed + count.to_bytes(4, "big")).digest() for count in range(-(-len(block) // _HASH)))
    masked = bytearray(a ^ b for a, b in zip(block, mask, strict=False))
    masked[0] &= 0xFF >> (8 * size - bits)
    return bytes(masked) + hashed + b"\xbc"


def _modulus(public: bytes) -> int:
    """The modulus in a public key: of a known length, all of which it uses, and odd."""
    n = int.from_bytes(public, "big")
    if len(public) not in _LENGTHS or n.bit_length() != 8 * len(public) or not n % 2:
        raise CannotOpen
    return n


def _primes(private: bytes) -> tuple[int, int]:
    """The two primes in a private key, as far as their form goes; whether they are primes shows when they sign."""
    half = len(private) // 2
    p, q = int.from_bytes(private[:half], "big"), int.from_bytes(private[half:], "big")
    whole = len(private) in _LENGTHS and (p * q).bit_length() == 8 * len(private)
    if not whole or p == q or not all(prime % 2 and (prime - 1) % EXPONENT for prime in (p, q)):
        raise CannotOpen
    return p, q


def _below(given: bytes, n: int, length: int) -> int:
    """The number in bytes from outside, which have that length and are below the modulus."""
    number = int.from_bytes(given, "big")
    if len(given) != length or number >= n:
        raise CannotOpen
    return number


def _factor(entropy: bytes, n: int) -> int:
    """A blinding factor, drawn evenly from 1 to n - 1."""
    if len(entropy) != n.bit_length() // 8 + BLIND_ENTROPY - BLIND_PUBLIC:
        raise ValueError("a blinding factor is drawn from 16 bytes more than the modulus has")
    factor = int.from_bytes(entropy, "big") % n
    if gcd(factor, n) != 1:
        raise CannotOpen
    return factor


def _power(number: int, p: int, q: int) -> int:
    """The number to the power of the private exponent, by each prime and then together."""
    by_p = pow(number, pow(EXPONENT, -1, p - 1), p)
    by_q = pow(number, pow(EXPONENT, -1, q - 1), q)
    return by_q + q * (pow(q, -1, p) * (by_p - by_q) % p)
