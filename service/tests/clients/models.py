"""What the models' own SDKs make of the tools: Google's, OpenAI's (strict) and Anthropic's. Argument: URL."""
import copy
import json
import sys
import types as python
import urllib.request

from agents.strict_schema import ensure_strict_json_schema
from anthropic import transform_schema
from anthropic.types import ToolParam
from google.genai import _mcp_utils, types
from pydantic import TypeAdapter


def tools(url):
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    request = urllib.request.Request(url, json.dumps(message).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["result"]["tools"]


def words(schema):
    """Each property with a choice of words."""
    return {name: property["enum"] for name, property in schema["properties"].items() if "enum" in property}


def google(tool):
    schema = types.Schema.model_validate(tool["inputSchema"])
    # As the SDK does with the tools of an MCP session.
    of_session = _mcp_utils.mcp_to_gemini_tool(python.SimpleNamespace(
        name=tool["name"], description=tool["description"], inputSchema=tool["inputSchema"], input_schema=tool["inputSchema"]))
    for name, wanted in words(tool["inputSchema"]).items():
        assert schema.properties[name].enum == wanted, name
    declared = of_session.function_declarations[0]
    assert declared.name == tool["name"]
    assert set(schema.required or []) == set(tool["inputSchema"].get("required", []))


def openai(tool):
    strict = ensure_strict_json_schema(copy.deepcopy(tool["inputSchema"]))
    assert strict["additionalProperties"] is False
    assert set(strict.get("required", [])) == set(strict["properties"])
    assert words(strict) == words(tool["inputSchema"])


def anthropic(tool):
    given = {"name": tool["name"], "description": tool["description"], "input_schema": tool["inputSchema"]}
    TypeAdapter(ToolParam).validate_python(given)
    strict = transform_schema(copy.deepcopy(tool["inputSchema"]))
    assert words(strict) == words(tool["inputSchema"])


offered = [tool for tool in tools(sys.argv[1]) if tool.get("annotations", {}).get("readOnlyHint")]
assert len(offered) >= 29, len(offered)
refused = []
for tool in offered:
    for sdk in (google, openai, anthropic):
        try:
            sdk(tool)
        except Exception as error:
            refused.append(f"{tool['name']}: {sdk.__name__}: {error!r}")
print("\n".join(refused) or f"{len(offered)} tools, 3 SDKs")
sys.exit(bool(refused))
