"""Error bodies in the shapes of real servers, and bodies that an endpoint does not take."""

from collections.abc import Callable
from typing import Any

from tests.adapters.fake_replies import Answer, Call, refuses


def openai_error(message: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """OpenAI's, and of many that follow it."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def vllm_error(message: str, status: int = 400) -> dict[str, Any]:
    """vLLM's: flat, the code is the status."""
    return {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": status}


def ollama_error(message: str) -> dict[str, Any]:
    """Ollama's on its OpenAI-compatible path."""
    return {"error": {"message": message, "type": "api_error", "param": None, "code": None}}


def llama_cpp_error(message: str, status: int = 400, kind: str = "invalid_request_error") -> dict[str, Any]:
    """llama.cpp's server."""
    return {"error": {"code": status, "message": message, "type": kind}}


def tgi_error(message: str, kind: str = "validation") -> dict[str, Any]:
    """Text Generation Inference's: the error is the sentence itself."""
    return {"error": message, "error_type": kind}


def router_error(message: str) -> dict[str, Any]:
    """The Hugging Face router's own."""
    return {"error": message}


def fastapi_error(field: str, given: Any) -> dict[str, Any]:
    """A FastAPI server's 422: names the field, and repeats what it was given."""
    where = ["body", *field.split(".")]
    return {"detail": [{"type": "extra_forbidden", "loc": where, "msg": "Extra inputs not permitted", "input": given}]}


def takes_no(*things: str, status: int = 400, error: Callable[[str], dict[str, Any]] = openai_error) -> Any:
    """An endpoint that refuses bodies with these: json_schema, stream_options, max_tokens, temperature, stream, …"""

    def objects(call: Call) -> Answer | None:
        body = call.body
        shape = (body.get("response_format") or {}).get("type")
        found = {
            "json_schema": shape == "json_schema" and "This response_format type is unavailable now",
            "json_object": shape == "json_object" and "'response_format.type' must be 'text'",
            "stream_options": "stream_options" in body and "Unknown parameter: 'stream_options'.",
            "max_tokens": "max_tokens" in body
            and "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "max_completion_tokens": "max_completion_tokens" in body
            and "Unrecognized request argument supplied: max_completion_tokens",
            "temperature": "temperature" in body
            and "Unsupported value: 'temperature' does not support 0.2 with this model.",
            "stream": call.streams and "Streaming is not supported by this server",
        }
        said = next((found[thing] for thing in things if found[thing]), None)
        return refuses(status, error(str(said))) if said else None

    return objects
