"""A data key per subject, wrapped by a master key; AES-256-GCM; associated data binds the bytes to their object."""

from shared.crypto.hashing import device_hash, keyed_hash, token_hash, tombstone
from shared.crypto.keys import DATA_KEY_BYTES, DataKey, Keyring, UnknownMasterKey, new_data_key
from shared.crypto.sealing import Sealer, Tampered, seal, sealed_size, unseal, unseal_chunks

__all__ = [
    "DATA_KEY_BYTES",
    "DataKey",
    "Keyring",
    "Sealer",
    "Tampered",
    "UnknownMasterKey",
    "device_hash",
    "keyed_hash",
    "new_data_key",
    "seal",
    "sealed_size",
    "token_hash",
    "tombstone",
    "unseal",
    "unseal_chunks",
]
