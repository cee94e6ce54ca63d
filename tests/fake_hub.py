# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A Hub on this machine that serves one dataset, whole files and ranges of them: `python fake_hub.py FOLDER OWNER/NAME`."""

import hashlib
import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlparse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: dict[str, bytes] = {}
    name = ""

    def log_message(self, *arguments):
        pass

    def send(self, body, code=200, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        for key, value in ({"Content-Length": str(len(body)), "Content-Type": "application/json"} | headers).items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def missing(self, code):
        self.send({"error": "not found"}, 404, X_Error_Code=code, X_Error_Message="not found")

    def entry(self, path):
        if path not in self.files:
            return {"type": "directory", "path": path, "size": 0, "oid": hashlib.sha1(path.encode()).hexdigest()}
        content = self.files[path]
        return {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}

    def do_GET(self):
        path = unquote(urlparse(self.path).path)
        api = f"/api/datasets/{self.name}"
        if path.startswith(f"/datasets/{self.name}/resolve/"):
            return self.resolve(path.split("/", 6)[6] if path.count("/") >= 6 else "")
        if path.startswith(f"{api}/tree/"):
            folder = path.removeprefix(f"{api}/tree/").partition("/")[2].strip("/")
            prefix = folder + "/" if folder else ""
            inside = {file for file in self.files if file.startswith(prefix)}
            inside |= {
                str(parent) for file in inside for parent in Path(file).parents if len(str(parent)) > len(prefix)
            }
            if "recursive=true" not in self.path.lower():
                inside = {path for path in inside if "/" not in path.removeprefix(prefix)}
            found = [self.entry(path) for path in sorted(inside - {"."})]
            return self.send(found) if found else self.missing("EntryNotFound")
        if path == api or path.startswith(f"{api}/revision/"):
            siblings = [{"rfilename": file} for file in sorted(self.files)]
            return self.send({"id": self.name, "sha": COMMIT, "private": False, "tags": [], "siblings": siblings})
        return self.missing("RepoNotFound")

    def resolve(self, file):
        if file not in self.files:
            return self.missing("EntryNotFound")
        content = self.files[file]
        headers = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X_Repo_Commit": COMMIT, "Accept_Ranges": "bytes"}
        if asked := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
            headers["Content_Range"] = f"bytes {first}-{last}/{len(content)}"
            return self.send(content[first : last + 1], 206, **headers)
        return self.send(content, **headers)

    do_HEAD = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        wanted = json.loads(body)["paths"] if body.startswith("{") else re.findall(r"paths=([^&]+)", unquote(body))
        known = set(self.files) | {str(parent) for file in self.files for parent in Path(file).parents}
        self.send([self.entry(path) for path in wanted if path in known])


if __name__ == "__main__":
    root = Path(sys.argv[1])
    Hub.files = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    Hub.name = sys.argv[2]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    print(server.server_port, flush=True)
    server.serve_forever()
