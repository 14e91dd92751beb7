"""An MCP server on standard input and output, with tools that show how it is run."""

import json
import os
import subprocess
import sys
import time

calls = 0
kept = []


def say(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(words):
    return {"content": [{"type": "text", "text": words}]}


def call(request):
    global calls
    calls += 1
    name, arguments = request["params"]["name"], request["params"].get("arguments", {})
    token = request["params"].get("_meta", {}).get("progressToken")
    if name == "who":
        return text(json.dumps({"pid": os.getpid(), "calls": calls, "env": dict(os.environ), "cwd": os.getcwd()}))
    if name == "progress":
        for at in range(arguments.get("times", 3)):
            say({"method": "notifications/progress", "params": {"progressToken": token, "progress": at}})
        return text("done")
    if name == "complain":
        for _ in range(arguments.get("times", 1)):
            print("the token is", os.environ.get("TOKEN"), file=sys.stderr, flush=True)
        return text("done")
    if name == "offspring":
        return text(str(subprocess.Popen(["sleep", "600"]).pid))
    if name == "die":
        os._exit(3)
    if name == "deaf":
        os.close(0)
        say({"method": "notifications/message", "params": {"level": "info", "data": "deaf"}})
        time.sleep(600)
    if name == "flood":
        while True:
            os.write(1, b"x" * 65536)
    if name == "ask":
        say({"id": "of-the-server", "method": "roots/list"})
        answer = json.loads(sys.stdin.readline())
        return text(json.dumps(answer["result"]))
    if name == "late":
        while json.loads(sys.stdin.readline()).get("method") != "notifications/cancelled":
            pass
        with open(arguments["tell"], "w") as file:
            file.write("cancelled")
        kept.append(sys.stdin.readline())
        return text("late")
    if name == "wait":
        while True:
            message = json.loads(sys.stdin.readline())
            if message.get("method") == "notifications/cancelled":
                with open(arguments["tell"], "w") as file:
                    file.write(json.dumps(message["params"]["requestId"]))
                return text("cancelled")
    return {"isError": True, **text("no such tool")}


def lines():
    for line in sys.stdin:
        yield line
        while kept:
            yield kept.pop(0)


for line in lines():
    request = json.loads(line)
    if "id" not in request or "method" not in request:
        continue
    if request["method"] == "initialize":
        result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "stdio", "version": "1"}}
    elif request["method"] == "tools/call":
        result = call(request)
    elif request["method"] == "tools/list":
        result = {"tools": [{"name": "who", "inputSchema": {"type": "object"}}]}
    else:
        say({"id": request["id"], "error": {"code": -32601, "message": "Method not found"}})
        continue
    say({"id": request["id"], "result": result})
