"""What ``pades.py`` uses of pyHanko and its companions, in one place: imported only when a PDF is signed or checked."""

import logging

from asn1crypto.algos import SignedDigestAlgorithm
from asn1crypto.tsp import TimeStampResp
from asn1crypto.x509 import Certificate
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation import async_validate_pdf_signature, async_validate_pdf_timestamp
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import CRLFetchError, OCSPFetchError, PathBuildingError, ValidationError
from pyhanko_certvalidator.fetchers.requests_fetchers import RequestsFetcherBackend
from pyhanko_certvalidator.registry import SimpleCertificateStore

for _name in ("pyhanko", "pyhanko_certvalidator"):  # what they log about hostile files is in what they raise or return
    logging.getLogger(_name).addHandler(logging.NullHandler())

certificate_errors = (SignatureValidationError, PathBuildingError, ValidationError, CRLFetchError, OCSPFetchError)
"""What is raised when the state of a certificate cannot be established."""

__all__ = [
    "Certificate",
    "IncrementalPdfFileWriter",
    "ModificationLevel",
    "PdfError",
    "PdfFileReader",
    "PdfSignatureMetadata",
    "PdfSigner",
    "RequestsFetcherBackend",
    "SigSeedSubFilter",
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
