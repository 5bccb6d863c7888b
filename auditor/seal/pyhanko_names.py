"""What ``pades.py`` uses of pyHanko and its companions, in one place: imported only when a PDF is signed or checked."""

import logging
from io import BytesIO
from typing import Any

from asn1crypto.algos import SignedDigestAlgorithm
from asn1crypto.tsp import TimeStampResp
from asn1crypto.x509 import Certificate
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError, PdfStrictReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation import async_validate_pdf_signature, async_validate_pdf_timestamp
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import CRLFetchError, OCSPFetchError, PathBuildingError, ValidationError
from pyhanko_certvalidator.fetchers.requests_fetchers import RequestsFetcherBackend
from pyhanko_certvalidator.registry import SimpleCertificateStore

for _name in ("pyhanko", "pyhanko_certvalidator"):  # what they log about hostile files is in what they raise or return
    logging.getLogger(_name).addHandler(logging.NullHandler())

certificate_errors = (SignatureValidationError, PathBuildingError, ValidationError, CRLFetchError, OCSPFetchError)
"""What is raised when the state of a certificate cannot be established."""


_MOST_LOOKUPS = 100_000
"""For all there is to check of a file: ours need some hundred; a form of 20 fields can be made to need any number."""


class IndexedReader(PdfFileReader):
    """A strict reader that reads the table of an object stream once (ISO 32000-2 section 7.5.7).

    The base class reads it again for each object, and our PDFs keep some 30,000 objects in one stream. Looking up
    objects ends after a bounded number, because pyHanko follows the same field as often as others refer to it.
    """

    def __init__(self, stream: BytesIO) -> None:
        super().__init__(stream, strict=True)
        self._tables: dict[int, tuple[BytesIO, list[int], int]] = {}
        self._left = _MOST_LOOKUPS

    def get_object(self, *arguments: Any, **options: Any) -> Any:
        """Look up an object; see the base class."""
        self._left -= 1
        if self._left < 0:
            raise PdfStrictReadError("its objects refer to each other without end")
        return super().get_object(*arguments, **options)  # type: ignore[no-untyped-call]  # the package has no types

    def _get_object_from_stream(self, idnum: int, stmnum: int, idx: int) -> Any:
        data, numbers, first = self._tables.get(stmnum) or self._read_table(stmnum)
        if not 0 <= idx < len(numbers) // 2 or numbers[2 * idx] != idnum:
            raise PdfStrictReadError("an object stream does not hold the object that it should")
        data.seek(first + numbers[2 * idx + 1])
        found = generic.read_object(data, generic.Reference(idnum, 0, self))
        if isinstance(found, (generic.StreamObject, generic.IndirectObject)):
            raise PdfStrictReadError("an object stream holds an object of a kind that it must not hold")
        return found

    def _read_table(self, stmnum: int) -> tuple[BytesIO, list[int], int]:
        stream = generic.Reference(stmnum, 0, self).get_object()
        if not isinstance(stream, generic.StreamObject) or stream["/Type"] != "/ObjStm":
            raise PdfStrictReadError("an object is said to be in what is no object stream")
        data = stream.read_data(DecodePurpose.OBJECT_STREAM)  # refuses to unpack more than such a stream may hold
        first = int(stream["/First"])
        numbers = [int(item) for item in data[:first].split()[: 2 * int(stream["/N"])]]
        self._tables[stmnum] = (BytesIO(data), numbers, first)
        return self._tables[stmnum]


__all__ = [
    "Certificate",
    "IncrementalPdfFileWriter",
    "IndexedReader",
    "PdfError",
    "PdfSignatureMetadata",
    "PdfSigner",
    "RequestsFetcherBackend",
    "SigSeedSubFilter",
    "SignatureCoverageLevel",
    "SignedDigestAlgorithm",
    "Signer",
    "SigningError",
    "SimpleCertificateStore",
    "TimeStampResp",
    "TimeStamper",
    "ValidationContext",
    "async_validate_pdf_signature",
    "async_validate_pdf_timestamp",
    "certificate_errors",
]
