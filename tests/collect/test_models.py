"""The SDK's models, read in our own way: what its own loader reads, without what is not permitted."""

import weakref
from collections.abc import Mapping
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.regions import EndpointResolver

from auditor.base.arenas import cleared_after
from auditor.base.locate import controls_folder
from auditor.collect.guard import is_read
from auditor.collect.models import Models, forget
from auditor.evidence.operations import load_operations

KINDS = ("service-2", "paginators-1", "endpoint-rule-set-1")
SERVICES = sorted(
    {item.service for item in load_operations(controls_folder() / "operations.yaml").values() if not item.produced}
)


@pytest.fixture(scope="module")
def sdk() -> Loader:
    return botocore.session.get_session().get_component("data_loader")


def loaded(loader: Loader, service: str, kind: str) -> Any:
    try:
        model = loader.load_service_model(service, kind)
        return {name: dict(part) if isinstance(part, Mapping) else part for name, part in model.items()}
    except UnknownServiceError as error:
        return str(error)


@pytest.mark.parametrize("service", [*SERVICES, "sts", "sso-oidc", "no-such-service"])
def test_what_is_read_is_what_the_sdk_reads(sdk: Loader, service: str) -> None:
    ours = Models(sdk.search_paths, lambda _operation: True)
    assert [loaded(ours, service, kind) for kind in KINDS] == [loaded(sdk, service, kind) for kind in KINDS]


def test_files_of_no_service_are_read_as_the_sdk_reads_them(sdk: Loader) -> None:
    ours = Models(sdk.search_paths, is_read)
    for name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        assert whole(ours.load_data(name)) == sdk.load_data(name)


def whole(value: Any) -> Any:
    """Return a value with all that is read later in it."""
    if isinstance(value, Mapping):
        return {name: whole(value[name]) for name in value}
    return [whole(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("service", [*SERVICES, "sts", "no-such-service"])
def test_endpoints_are_where_the_sdk_finds_them(sdk: Loader, service: str) -> None:
    ours, own = (EndpointResolver(loader.load_data("endpoints")) for loader in (Models(sdk.search_paths, is_read), sdk))
    for region in ("eu-west-1", "us-gov-west-1", "cn-north-1", "aws-global", "eu-south-9"):
        assert ours.construct_endpoint(service, region) == own.construct_endpoint(service, region)
    assert ours.get_available_endpoints(service) == own.get_available_endpoints(service)


@pytest.mark.parametrize("service", SERVICES)
def test_only_what_is_permitted_is_there_whoever_loaded_the_model_before(sdk: Loader, service: str) -> None:
    everything = Models(sdk.search_paths, lambda _operation: True).load_service_model(service, "service-2")
    reads = Models(sdk.search_paths, is_read).load_service_model(service, "service-2")
    assert list(reads["operations"]) == [name for name in everything["operations"] if is_read(f"{service}:{name}")]
    assert {**reads, "operations": 0} == {**everything, "operations": 0}


def test_a_users_own_model_goes_before_the_sdks(sdk: Loader, tmp_path: Any) -> None:
    own = tmp_path / "sts" / "2099-01-01"
    own.mkdir(parents=True)
    (own / "service-2.json").write_text('{"operations": {}, "metadata": {"own": true}}')
    found = Models([str(tmp_path), *sdk.search_paths], is_read).load_service_model("sts", "service-2")
    assert found["metadata"] == {"own": True}


def test_models_go_when_they_are_forgotten_and_no_session_has_them(sdk: Loader) -> None:
    with cleared_after():
        models = Models(sdk.search_paths, is_read)
        shapes = models.load_service_model("sts", "service-2")["shapes"]
        known = weakref.ref(shapes)
        del shapes
        with cleared_after():
            forget()
        assert known() is models.load_service_model("sts", "service-2")["shapes"]
        del models
    assert known() is None
