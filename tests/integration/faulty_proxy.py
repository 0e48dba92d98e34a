"""A TCP proxy that does to connections what networks do to them. What runs
through it, mutual TLS, it neither reads nor knows."""

import contextlib
import socket
import threading
import time

CHUNK = 16_384


class FaultyProxy:
    """Between whoever connects to `port` and the target. `mode` is

      pass     forward
      cut      nobody is connected and nobody gets in
      hold     connections stay open, and nothing arrives any more; those of
               that time stay so when the mode is another again (half-open)
      slow     every chunk comes `delay` seconds later
      corrupt  one bit of the next chunk to the target is another; then pass
    """

    def __init__(self, target, delay=0.05):
        host, port = target.split(":")
        self.target = (host, int(port))
        self.delay = delay
        self.mode = "pass"
        self.lock = threading.Lock()
        self.open = set()
        self.connections = 0
        self.corrupted = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, mode):
        self.mode = mode
        if mode == "cut":
            self._close_all()

    def close(self):
        self.set("cut")
        self.listener.close()

    def _close_all(self):
        with self.lock:
            for end in self.open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.mode == "cut":
                near.close()
                continue
            try:
                far = socket.create_connection(self.target, timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            self.connections += 1
            with self.lock:
                self.open |= {near, far}
            for ends in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._pump, args=ends,
                                 daemon=True).start()

    def _spoil(self, data):
        with self.lock:
            if self.mode != "corrupt":
                return data
            self.mode = "pass"
            self.corrupted += 1
        middle = len(data) // 2
        return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:]

    def _pump(self, source, sink, to_target):
        held = False
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(CHUNK)
                if not data:
                    break
                held = held or self.mode == "hold"
                if held:
                    continue
                if self.mode == "slow":
                    time.sleep(self.delay)
                if to_target:
                    data = self._spoil(data)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self.lock:
            self.open -= {source}
        source.close()
