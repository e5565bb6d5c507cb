"""A tool server without a library, in either era of the protocol, that does on demand what no server should.

Run as a program of its own: `python -I -S raw_server.py modern|legacy`. Each tool below is a function of its arguments and the request.
"""

import json
import os
import subprocess
import sys
import threading
import time

ERA = sys.argv[1]
VERSION = "2026-07-28" if ERA == "modern" else "2025-11-25"

_out = threading.Lock()
_answers = {}
_arrived = threading.Condition()
_cancelled = []
_deaf = threading.Event()
_calls = []


def send_bytes(line):
    with _out:
        os.write(1, line)


def send(message):
    line = json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"
    with _out:
        while line:
            line = line[os.write(1, line) :]


def text(value, **rest):
    return {"content": [{"type": "text", "text": value if isinstance(value, str) else json.dumps(value)}], **rest}


def echo(arguments, request):
    return text(arguments["text"])


def wait(arguments, request):
    time.sleep(arguments["seconds"])
    return text(arguments.get("text", "done"))


def never(arguments, request):
    return None


def structured(arguments, request):
    return {**text("see there"), "structuredContent": arguments}


def fails(arguments, request):
    return text("it cannot be done", isError=True)


def pid(arguments, request):
    return text(str(os.getpid()))


def environment(arguments, request):
    return text(dict(os.environ))


def where(arguments, request):
    return text(os.getcwd())


def limits(arguments, request):
    import resource

    return text([resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NOFILE)])


def spin(arguments, request):
    while True:
        pass


def child(arguments, request):
    """A grandchild that heeds no end of input, and by default no SIGTERM either."""
    return text(str(subprocess.Popen([sys.executable, "-I", "-S", "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"]).pid))


def large(arguments, request):
    return text("x" * arguments["size"])


def exits(arguments, request):
    os._exit(arguments.get("code", 3))


def closes_output(arguments, request):
    os.close(1)
    time.sleep(600)


def endless_line(arguments, request):
    while True:
        send_bytes(b"x" * 65536)


def bad_utf8(arguments, request):
    send_bytes(b'\xff\xfe{not json at all\xc3\n\n[]\n{"jsonrpc": "2.0"}\nDEBUG: hello\n' + b"[" * 50_000 + b"\n")
    return text("still here")


def wrong_id(arguments, request):
    send({"id": 987654321, "result": text("for nobody")})
    send({"id": "no such id", "error": {"code": 1, "message": "for nobody"}})
    return text("for you")


def twice(arguments, request):
    send({"id": request["id"], "result": finished(text("first"))})
    return text("second")


def nonsense(arguments, request):
    return {"content": "not a list of blocks"}


def refuses(arguments, request):
    send({"id": request["id"], "error": {"code": -32000, "message": "no,\u200b not\x07 today" + "!" * 5000}})


def floods(arguments, request):
    for _ in range(arguments["chunks"]):
        os.write(2, b"noise " * 10_000)
    return text("said it all")


def progresses(arguments, request):
    token = request["params"].get("_meta", {}).get("progressToken")
    for done in range(1, arguments["steps"] + 1):
        send({"method": "notifications/progress", "params": {"progressToken": token, "progress": done, "total": arguments["steps"], "message": f"step {done}"}})
    return text("all done")


def changes(arguments, request):
    meta = {"_meta": {"io.modelcontextprotocol/subscriptionId": _listener[0]}} if ERA == "modern" else {}
    send({"method": "notifications/tools/list_changed", "params": meta})
    return text("changed")


def seen(arguments, request):
    return text({"cancelled": _cancelled, "calls": _calls})


def ask(arguments, request):
    """Asks the given questions, one after the other, and tells what it was told."""
    told = []
    given = request["params"].get("inputResponses") or {}
    if ERA == "modern":
        before = json.loads(request["params"].get("requestState") or "[]")
        told = before + [given[key] for key in sorted(given)]
        if len(told) < len(arguments["questions"]):
            question = {"method": "elicitation/create", "params": arguments["questions"][len(told)]}
            return {"resultType": "input_required", "inputRequests": {"q": question}, "requestState": json.dumps(told)}
        return text(told)
    for number, question in enumerate(arguments["questions"]):
        key = f"q{request['id']}-{number}"
        send({"id": key, "method": "elicitation/create", "params": question})
        with _arrived:
            _arrived.wait_for(lambda key=key: key in _answers, 60)
            told.append(_answers[key])
    return text(told)


def sample(arguments, request):
    params = {"messages": [], "maxTokens": 5}
    if ERA == "modern":
        return {"resultType": "input_required", "inputRequests": {"s": {"method": "sampling/createMessage", "params": params}}}
    send({"id": "s", "method": "sampling/createMessage", "params": params})
    with _arrived:
        _arrived.wait_for(lambda: "s" in _answers, 60)
    return text(_answers["s"])


def asks_and_does_not_listen(arguments, request):
    """Until nothing more goes into the pipe, which needs us to go on answering and never to read."""
    _deaf.set()
    for number in range(1_000_000):
        send({"id": f"ping{number}", "method": "elicitation/create", "params": {"message": "x" * 1000, "requestedSchema": {"type": "object"}, "mode": "form"}})


def page_first(arguments, request):
    page = {"mode": "url", "message": "Sign in there.", "url": arguments["url"], "elicitationId": "e1"}
    send({"id": request["id"], "error": {"code": -32042, "message": "a page first", "data": {"elicitations": [page]}}})


TOOLS = {tool.__name__: tool for tool in (
    echo, wait, never, structured, fails, pid, environment, where, limits, spin, child, large, exits, closes_output, endless_line, bad_utf8, wrong_id, twice,
    nonsense, refuses, floods, progresses, changes, seen, ask, sample, asks_and_does_not_listen, page_first,
)}  # fmt: skip
_listener = [None]


def finished(result):
    return {"resultType": "complete", **result} if ERA == "modern" else result


def call(request):
    params = request["params"]
    _calls.append(params["name"])
    tool = TOOLS.get(params["name"])
    if tool is None:
        send({"id": request["id"], "error": {"code": -32602, "message": f"Unknown tool: {params['name']}"}})
        return
    result = tool(params.get("arguments") or {}, request)
    if result is not None:
        send({"id": request["id"], "result": finished(result)})


def listed():
    extra = json.loads(os.environ.get("RAW_TOOLS", "[]"))
    tools = [{"name": name, "description": tool.__doc__ or name, "inputSchema": {"type": "object"}} for name, tool in TOOLS.items()] + extra
    return {"tools": tools, **({"ttlMs": 0, "cacheScope": "private"} if ERA == "modern" else {})}


def heed(message):
    method = message.get("method")
    if method is None:
        with _arrived:
            _answers[message["id"]] = message.get("result", message.get("error"))
            _arrived.notify_all()
    elif method == "initialize":
        version = os.environ.get("RAW_VERSION", "2025-11-25")
        info = {"name": "raw", "version": "1"}
        send({"id": message["id"], "result": {"protocolVersion": version, "capabilities": {"tools": {"listChanged": True}}, "serverInfo": info}})
    elif method == "server/discover" and ERA == "modern":
        capabilities = {"tools": {"listChanged": True}}
        result = {"supportedVersions": [VERSION], "capabilities": capabilities, "ttlMs": 0, "cacheScope": "private"}
        send({"id": message["id"], "result": finished(result)})
    elif method == "subscriptions/listen":
        _listener[0] = message["id"]
        meta = {"io.modelcontextprotocol/subscriptionId": message["id"]}
        send({"method": "notifications/subscriptions/acknowledged", "params": {"_meta": meta, "notifications": {"toolsListChanged": True}}})
    elif method == "tools/list":
        send({"id": message["id"], "result": finished(listed())})
    elif method == "tools/call":
        threading.Thread(target=call, args=(message,), daemon=True).start()
    elif method == "notifications/cancelled":
        _cancelled.append(message["params"]["requestId"])
    elif "id" in message:
        send({"id": message["id"], "error": {"code": -32601, "message": "Method not found"}})


def main():
    start = os.environ.get("RAW_START", "")
    if start == "exit":
        os._exit(7)
    if start == "silent":
        time.sleep(600)
    if start == "garbage":
        send_bytes(b"Welcome to the server!\n\xff\xff\n")
    if start == "stubborn":
        import signal

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if start == "strict" and message.get("method") == "server/discover":
            os._exit(8)
        heed(message)
        if _deaf.wait(0.05 if message.get("params", {}).get("name") == "asks_and_does_not_listen" else 0):
            time.sleep(600)
    if start == "stubborn":
        time.sleep(600)


main()
