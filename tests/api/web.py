"""A web server on loopback for imports: files from memory, answers of a test's own, and a path that never ends."""
import http.server
import threading


class Web:
    def __init__(self):
        self.files = {}   # path to bytes, or to a function that answers: it gets the handler
        self.asked = []
        self.hold = threading.Event()  # until it is set, /held gives half of its bytes
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.split("?")[0]
                held = path == "/held"
                data = web.files.get(path)
                web.asked.append(path)
                if callable(data):
                    data(self)
                    return
                self.send_response(200 if data is not None else 404)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                if held:
                    self.wfile.write(data[: len(data) // 2])
                    self.wfile.flush()
                    web.hold.wait(60)
                    data = data[len(data) // 2:]
                self.wfile.write(data or b"")

            def log_message(self, *_):
                pass

            def handle(self):
                try:
                    super().handle()
                except ConnectionError:
                    pass  # the other side was told to stop

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def add(self, path, data):
        self.files[path] = data
        return self.url + path

    def close(self):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
