"""A repository that another implementation has made (tuf-on-ci), where the public test data is at hand."""
import functools
import http.server
import os
import threading

from stage import must, situation

DATA = os.environ.get("SV_TUF_STATIC", "")


@situation()
def made_by_others(at):
    """Keys, signatures, delegations and names as others make them."""
    if not os.path.isdir(DATA):
        print("skipped: about_static.made_by_others: SV_TUF_STATIC names no folder with a repository made by others")
        return
    read = lambda name: open(os.path.join(DATA, name), encoding="utf-8").read().strip()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=DATA)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        at.repo.url = f"http://127.0.0.1:{server.server_address[1]}"
        must(at.init(open(os.path.join(DATA, "initial_root.json"), "rb").read()), at.said)
        at.good(result=at.download(read("targetpath"), time=read("faketime").removesuffix("+00:00")))
        must(len(at.targets()) == 1, "the target is not there")
    finally:
        server.shutdown()
        server.server_close()
