"""Whether the results of a pack are those that its manifest names: asked before they are built on, and no more."""

from pathlib import Path

from auditor.base.canonical import sha256_hex
from auditor.base.errors import IntegrityError
from auditor.base.untrusted import parse_json, shape_words
from auditor.pack.layout import RESULTS
from auditor.seal.manifest import MANIFEST, AccountPack
from auditor.seal.manifest_form import parse_manifest


def vouched(pack: Path, manifest_sha256: str = "") -> tuple[AccountPack, ...]:
    """Return the packs of accounts that a pack names, after its results were held against its manifest.

    Args:
        pack: its folder.
        manifest_sha256: what its manifest has to be; empty where nobody says.

    Raises:
        IntegrityError: a file is missing, or not what is named.
    """
    try:
        data, results = (pack / MANIFEST).read_bytes(), (pack / RESULTS).read_bytes()
        named = str(parse_json(data)["results_sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = error.strerror if isinstance(error, OSError) else shape_words(error)
        raise IntegrityError(f"{pack} is no whole pack: {why}", hint=_hint(pack)) from error
    if manifest_sha256 and sha256_hex(data) != manifest_sha256:
        raise IntegrityError(f"{pack} is another pack than the one that is named", hint=_hint(pack.parent.parent))
    if sha256_hex(results) != named:
        raise IntegrityError(f"{pack}: its results are not those that its manifest names", hint=_hint(pack))
    return parse_manifest(data).accounts


def _hint(pack: Path) -> str:
    return f"auditor verify {pack} says what was changed"
