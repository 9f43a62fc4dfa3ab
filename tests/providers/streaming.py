"""Answers of chat models as Ollama and OpenAI send them, byte for byte, and ways to send them."""

import json
from http.server import BaseHTTPRequestHandler

OLLAMA = (
    b'{"model":"llama3.2","created_at":"2026-11-02T09:31:12.204816Z",'
    b'"message":{"role":"assistant","content":"The"},"done":false}\n'
    b'{"model":"llama3.2","created_at":"2026-11-02T09:31:12.256107Z",'
    b'"message":{"role":"assistant","content":" na\xc3\xafve \xf0\x9f\x98\x80"},"done":false}\n'
    b'{"model":"llama3.2","created_at":"2026-11-02T09:31:12.307532Z",'
    b'"message":{"role":"assistant","content":" \\u003csky\\u003e.\\r\\n"},"done":false}\n'
    b'{"model":"llama3.2","created_at":"2026-11-02T09:31:12.359901Z",'
    b'"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",'
    b'"total_duration":874520306,"load_duration":101402375,"prompt_eval_count":26,'
    b'"prompt_eval_duration":312000000,"eval_count":4,"eval_duration":155000000}\n'
)
OPENAI = (
    b'data: {"id":"chatcmpl-C1","object":"chat.completion.chunk","created":1793611872,'
    b'"model":"gpt-5-mini-2025-08-07","service_tier":"default","system_fingerprint":null,'
    b'"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},'
    b'"finish_reason":null}],"obfuscation":"zB"}\n\n'
    b": keep-alive\n\n"
    b'data: {"id":"chatcmpl-C1","object":"chat.completion.chunk","created":1793611872,'
    b'"model":"gpt-5-mini-2025-08-07","choices":[{"index":0,"delta":{"content":"The"},'
    b'"finish_reason":null}]}\n\n'
    b'data: {"id":"chatcmpl-C1","choices":[{"index":0,"delta":'
    b'{"content":" na\xc3\xafve \xf0\x9f\x98\x80"},"finish_reason":null}]}\n\n'
    b'data: {"id":"chatcmpl-C1","choices":[{"index":0,"delta":'
    b'{"content":" <sky>.\\r\\n"},"finish_reason":null}]}\n\n'
    b'data: {"id":"chatcmpl-C1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"id":"chatcmpl-C1","choices":[],"usage":{"prompt_tokens":26,"total_tokens":30}}\n\n'
    b"data: [DONE]\n\n"
)
PARTS = ["The", " naïve 😀", " <sky>.\r\n"]


def ollama_line(text, **more):
    said = {"message": {"role": "assistant", "content": text}, "done": False, **more}
    return json.dumps(said).encode() + b"\n"


def openai_event(text, reason=None):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def chunked(*pieces, end=b"0\r\n\r\n", then=None, kind="text/event-stream", headers=""):
    """Write pieces as chunks of their own; without the end, the connection breaks off."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n{headers}"
        handler.wfile.write(head.encode() + b"\r\n")
        for piece in pieces:
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if then:
            then(handler)
        handler.wfile.write(end)

    return write


def until_closed(*pieces):
    """Write an answer without a length, as HTTP/1.0 does: its end is that of the connection."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"".join(pieces))

    return write
