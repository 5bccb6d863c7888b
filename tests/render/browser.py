"""A real Chromium for pages: started once, driven over its own protocol, nothing downloaded."""

import shutil
from pathlib import Path
from typing import Any

import axe_core_python
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
AXE = Path(axe_core_python.__file__).parent / "axe.min.js"


def start(profile: Path) -> Chrome:
    """Start the browser with an empty profile."""
    options = ChromeOptions()
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    options.binary_location = binary or ""
    for switch in (*SWITCHES, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(shutil.which("chromedriver") or ""))
    driver.set_script_timeout(240)
    return driver


def show(
    chrome: Chrome, path: Path, *, width: int = 1400, theme: str = "light", scripts: bool = True, anchor: str = ""
) -> Chrome:
    """Open a file as a reader with this screen would see it."""
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 600}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = [{"name": "prefers-color-scheme", "value": theme}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
    chrome.get("about:blank")
    chrome.get(f"file://{path}{anchor}")
    return chrome


def visible_controls(page: Chrome) -> int:
    """Count the controls that a reader sees."""
    return len([item for item in page.find_elements(By.CSS_SELECTOR, "article.control") if item.is_displayed()])


def violations(page: Chrome, part: str = "html") -> list[str]:
    """Have axe-core look for what keeps people out."""
    page.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE.read_text("utf-8")})
    script = "const done = arguments[1]; axe.run(arguments[0], {resultTypes: ['violations']}).then(done)"
    found: dict[str, Any] = page.execute_async_script(script, part)
    return [f"{item['id']}: {item['nodes'][0]['html']}" for item in found["violations"]]
