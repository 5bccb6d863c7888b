"""``auditor.yaml``: the settings of a run, checked, with file and line for every mistake."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from auditor.base.errors import UsageError
from auditor.base.period import FORMS, parse_period
from auditor.base.yamlfile import YamlError, first_problem, gravest, load_yaml, problem_words
from auditor.model import Severity

_Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
_Allowed = Annotated[str, Field(pattern=r"^not-assessed:[a-z0-9-]+$")]


Format = Literal[
    "html", "pdf", "csv", "results-csv", "imported-csv", "xlsx", "oscal", "ocsf", "asff", "sarif", "junit", "markdown"
]
"""Pages, then exports; a test compares them with what can be written."""


class Branding(BaseModel):
    """How the pages present themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accent: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", description="Accent colour of the report.")] = "#14324f"
    logo: Annotated[str, Field(description="PNG, or SVG of plain shapes, beside auditor.yaml; at most 256 KiB.")] = ""
    classification: Annotated[str, Field(max_length=80, description="Such as Confidential.")] = ""
    distribution: Annotated[str, Field(max_length=200, description="Who may receive the report.")] = ""
    paper: Literal["A4", "Letter"] = "A4"
    prepared_by: Annotated[str, Field(max_length=160, description="Who made the report.")] = ""
    prepared_for: Annotated[str, Field(max_length=160, description="Whom it was made for.")] = ""
    contact: Annotated[str, Field(max_length=160, description="Whom to ask about it.")] = ""
    version: Annotated[str, Field(max_length=80, description="Of the report, such as 1.0 or draft 2.")] = ""
    sign_off: Annotated[bool, Field(description="Room for signatures at the end of the PDF.")] = False


class Signing(BaseModel):
    """How the pack is signed. Passwords come from the environment or a prompt, never from this file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Annotated[str, Field(description="PEM or PKCS#12 file with the private key.")] = ""
    certificate: Annotated[str, Field(description="PEM file with the signer's certificate chain.")] = ""
    kms_key: Annotated[str, Field(description="ARN of an asymmetric KMS key for SIGN_VERIFY.")] = ""
    tsa: Annotated[str, Field(description="URL of an RFC 3161 time-stamping authority.")] = ""
    tsa_ca: Annotated[str, Field(description="PEM file with the certificates that the authority publishes.")] = ""
    tsa_optional: Annotated[bool, Field(description="Go on without a time stamp, and say so, when it fails.")] = False


class Sampling(BaseModel):
    """A sample from each population of resources, instead of every member."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Annotated[int, Field(ge=1, strict=True, description="Members tested per control and account.")]
    seed: Annotated[str, Field(pattern=r"^[ -~]{1,100}$", description="Decides which; chosen by the auditor.")]


class Limits(BaseModel):
    """How hard AWS is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    concurrency: Annotated[int, Field(ge=1, le=256, strict=True, description="Calls in flight.")] = 24
    attempts: Annotated[int, Field(ge=1, le=20, strict=True, description="Of one request, the first included.")] = 5
    connect_seconds: Annotated[float, Field(gt=0, le=600, description="Until a connection stands.")] = 5
    read_seconds: Annotated[float, Field(gt=0, le=600, description="Until a byte arrives.")] = 30
    report_seconds: Annotated[float, Field(ge=0, le=3600, description="Until IAM has made its report.")] = 120


class Redaction(BaseModel):
    """What is taken out of the evidence, beside what always is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source_addresses: Annotated[bool, Field(description="IP addresses of callers.")] = False
    identities: Annotated[bool, Field(description="E-mail addresses that are names of users and sessions.")] = False


class Config(BaseModel):
    """Everything that ``auditor.yaml`` may say. Options on the command line go before it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entity: Annotated[str, Field(max_length=200, description="Whom the report is about.")] = ""
    title: Annotated[str, Field(max_length=200)] = "AWS control evidence report"
    frameworks: Annotated[list[str], Field(description="Framework ids, see auditor controls list.")] = []
    control_ids: Annotated[list[str], Field(description="Single controls, beside those of the frameworks.")] = []
    period: Annotated[
        str, Field(description="last-month, last-quarter, last-7d, 2026-10, 2026-Q3, 2026-10-01, 24h or START/END.")
    ] = "last-month"
    profile: str = ""
    region: str = ""
    regions: Annotated[list[_Region], Field(description="Regions to audit; empty means all enabled ones.")] = []
    role_name: str = ""
    account: Annotated[str, Field(pattern=r"^(\d{12})?$")] = ""
    controls: Annotated[list[str], Field(description="Folders with own controls.")] = []
    waivers: str = ""
    attestations: str = ""
    imports: Annotated[list[str], Field(description="Findings of other tools: OCSF or Security Hub's, as JSON.")] = []
    fail_on: Severity = Severity.INFORMATIONAL
    allow: Annotated[list[_Allowed], Field(description="Gaps accepted by name.")] = []
    gate: Annotated[bool, Field(description="No PDF: an answer for a pipeline.")] = False
    baseline: Annotated[str, Field(description="Known failures: a pack, results.json or a baseline file.")] = ""
    baseline_max_age: Annotated[str, Field(pattern=r"^([1-9]\d{0,4}d)?$", description="Such as 90d.")] = ""
    update_baseline: Annotated[bool, Field(description="Write the baseline file anew after the run.")] = False
    accept_new_controls: Annotated[bool, Field(description="Failures of new or changed controls do not count.")] = False
    sampling: Annotated[Sampling | None, Field(description="Default: everything is tested.")] = None
    skip: list[Literal["trail", "events", "truth"]] = []
    out: str = "reports"
    securityhub_import: Annotated[bool, Field(description="Send the findings to Security Hub; this writes.")] = False
    zip: Annotated[bool, Field(description="Write the pack as one zip as well, beside it.")] = False
    formats: Annotated[list[Format], Field(description="The pages, and exports of the results.")] = [
        "pdf",
        "html",
        "csv",
        "results-csv",
        "oscal",
        "ocsf",
        "asff",
        "sarif",
        "junit",
        "markdown",
    ]
    detail: Annotated[
        Literal["summary", "standard", "full"], Field(description="Length of the PDF; the HTML page has everything.")
    ] = "standard"
    limits: Limits = Limits()
    redaction: Redaction = Redaction()
    branding: Branding = Branding()
    signing: Signing = Signing()

    @field_validator("period")
    @classmethod
    def _names_a_period(cls, text: str) -> str:
        try:
            parse_period(text, datetime.max.replace(tzinfo=UTC))
        except UsageError as error:
            raise PydanticCustomError("period", "{words}", {"words": error.message}) from error
        return text


SECTIONS: dict[str, type[BaseModel]] = {
    "branding": Branding,
    "limits": Limits,
    "redaction": Redaction,
    "sampling": Sampling,
    "signing": Signing,
}
"""Settings that are mappings of settings themselves."""


_OPTIONS = {
    "control_ids": "control",
    "formats": "format",
    "frameworks": "framework",
    "imports": "import",
    "limits.concurrency": "concurrency",
    "sampling.seed": "seed",
    "sampling.size": "sample",
}
"""Setting -> option, where their names differ."""

_SUCH_AS = {
    "account": 'such as "111122223333"',
    "allow": "such as not-assessed:iam-root-mfa",
    "branding.accent": 'such as "#14324f"',
    "period": FORMS,
    "regions": "such as eu-central-1",
    "sampling.seed": "a line of at most 100 ASCII characters",
}
"""Setting -> what it looks like."""


def load_config(path: Path | None, options: Mapping[str, Any]) -> Config:
    """Read a configuration file and put command-line options on top.

    Args:
        path: the file; None looks for ``auditor.yaml`` in the working folder and does without when there is none.
        options: values given on the command line, by the names of ``Config``; absent ones are left out.

    Raises:
        UsageError: the file cannot be read, has an unknown key or a wrong value; the message names file and line.
    """
    chosen = path if path is not None else Path("auditor.yaml")
    data: dict[str, Any] = {}
    file = None
    if path is not None or chosen.is_file():
        try:
            file = load_yaml(chosen)
        except YamlError as error:
            raise UsageError(str(error)) from error
        if file.data is not None and not isinstance(file.data, dict):
            raise UsageError(f"{file.at()}: expected a mapping of settings")
        data = _beside(chosen, file.data or {})
        try:
            Config.model_validate(data)
        except ValidationError as error:
            raise _problem(error, first_problem(error, file, UsageError)) from error
    try:
        return Config.model_validate(
            {**data, **{name: _over(data.get(name), given) for name, given in options.items()}}
        )
    except ValidationError as error:
        problem = gravest(error)
        name = ".".join(str(part) for part in problem["loc"] if isinstance(part, str))
        option = _OPTIONS.get(name, name.replace("_", "-"))
        raise UsageError(f"--{option}: {problem_words(problem)}", hint=_SUCH_AS.get(name, "")) from error


def _over(written: Any, given: Any) -> Any:
    """Put an option over what the file says; of a mapping, only the settings that were given."""
    return {**written, **given} if isinstance(written, dict) and isinstance(given, dict) else given


def _problem(error: ValidationError, found: Any) -> UsageError:
    problem = gravest(error)
    hint = _SUCH_AS.get(".".join(str(part) for part in problem["loc"] if isinstance(part, str)), "")
    if problem["type"] == "extra_forbidden":
        model = SECTIONS.get(str(problem["loc"][0]), Config)
        hint = f"known settings: {', '.join(model.model_fields)}"
    return UsageError(found.message, hint=hint)


def _beside(path: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    """Read file names in a configuration file relative to that file."""
    folder = path.parent

    def beside(value: Any) -> Any:
        return str(folder / value) if isinstance(value, str) and value else value

    moved = dict(data)
    for key in ("waivers", "attestations", "baseline"):
        if key in moved:
            moved[key] = beside(moved[key])
    for key in ("controls", "imports"):
        if isinstance(moved.get(key), list):
            moved[key] = [beside(item) for item in moved[key]]
    for section, keys in (("branding", ("logo",)), ("signing", ("key", "certificate", "tsa_ca"))):
        if isinstance(moved.get(section), dict):
            moved[section] = {key: beside(value) if key in keys else value for key, value in moved[section].items()}
    return moved
