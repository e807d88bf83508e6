"""What is tried inside of the Space's image finds a Space that is open, or none."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from deployments.docker.rehearsal import free_port
from deployments.space.trial import wrong


class Open(BaseHTTPRequestHandler):
    """Answers everybody."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"Running")

    def do_POST(self) -> None:
        self.do_GET()


def test_a_space_that_hides_what_is_missing_or_lets_strangers_in_is_at_fault():
    with ThreadingHTTPServer(("127.0.0.1", 0), Open) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        said = list(wrong(f"http://127.0.0.1:{server.server_port}"))
        server.shutdown()
    assert said == [
        "/status does not say what is missing: Running",
        "a stranger's call of the API is answered 200",
    ]


def test_so_is_one_that_does_not_answer():
    (fault,) = wrong(f"http://127.0.0.1:{free_port()}")
    assert fault.startswith("nothing answers at the public port")
