# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.context`, `rclpy.utilities`, `rclpy.signals`: the life of a program that uses ROS."""

from __future__ import annotations

import enum
import signal
import socket
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Final

from cyclonedds.domain import DomainParticipant

from unsup_track_ros.standalone import dds
from unsup_track_ros.standalone.arguments import Arguments, parse_arguments
from unsup_track_ros.standalone.exceptions import NotInitializedException
from unsup_track_ros.standalone.graph import Graph


class Context:
    """One participant on the network, between `init` and `shutdown`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._participant: DomainParticipant | None = None
        self._graph: Graph | None = None
        self._is_ok = self._was_initialized = False
        self._domain_id = 0
        self._callbacks: list[Any] = []
        self.wakers: weakref.WeakSet[Any] = weakref.WeakSet()
        self.arguments = Arguments()

    def init(
        self,
        args: Sequence[str] | None = None,
        *,
        initialize_logging: bool = True,  # noqa: ARG002 - there is nothing to initialise
        domain_id: int | None = None,
    ) -> None:
        """Join the network.

        Raises:
            ConfigError: The arguments or the environment cannot be understood.
        """
        with self._lock:
            if self._was_initialized:
                raise RuntimeError("Context.init() must only be called once")
            self._was_initialized = True
            self.arguments = parse_arguments(sys.argv if args is None else args)
            self._domain_id = dds.domain_id(domain_id)
            self._participant = dds.join(self._domain_id)
            self._graph = Graph(self._participant)
            self._is_ok = True
            _contexts.add(self)

    def ok(self) -> bool:
        """Tell whether the context is on the network."""
        return self._is_ok

    def get_domain_id(self) -> int:
        """Return the DDS domain."""
        return self._domain_id

    def on_shutdown(self, callback: Callable[[], Any]) -> None:
        """Call back at shutdown; a bound method does not keep its object alive."""
        is_method = hasattr(callback, "__self__")
        self._callbacks.append(weakref.WeakMethod(callback) if is_method else lambda: callback)

    def shutdown(self) -> None:
        """End it: spinning stops; what nodes have stays until they are destroyed."""
        if not self._is_ok:
            raise RuntimeError("Context must be initialized before it can be shutdown")
        self.try_shutdown()

    def try_shutdown(self) -> None:
        """End it unless it has ended."""
        with self._lock:
            was_ok, self._is_ok = self._is_ok, False
            callbacks, self._callbacks = self._callbacks, []
        for reference in callbacks if was_ok else ():
            callback = reference()
            if callback is not None:
                callback()
        self.wake()
        self.leave_if_done()

    def hear(self) -> None:
        """Take note of what others tell of their nodes, so that it does not pile up unread."""
        with self._lock:
            if self._graph is not None:
                self._graph.hear()

    def leave_if_done(self) -> None:
        """Leave the network once the context is shut down and its last node is destroyed."""
        with self._lock:
            if not self._is_ok and self._graph is not None and self._graph.is_empty():
                participant, self._participant, self._graph = self._participant, None, None
                if participant is not None:
                    dds.close(participant)  # and all that belongs to it

    def wake(self) -> None:
        """Let every executor of this context look again at what it waits for."""
        for waker in list(self.wakers):
            waker.wake()

    @property
    def participant(self) -> DomainParticipant:
        """The participant.

        Raises:
            NotInitializedException: The context is not on the network.
        """
        if self._participant is None or not self._is_ok:
            raise NotInitializedException("the context is not valid")
        return self._participant

    @property
    def graph(self) -> Graph:
        """What this participant tells others of its nodes, and what it knows of theirs."""
        if self._graph is None:
            raise NotInitializedException("the context is not valid")
        return self._graph


_contexts: Final[weakref.WeakSet[Context]] = weakref.WeakSet()
_default: list[Context] = []
_default_lock: Final = threading.RLock()


def get_default_context() -> Context:
    """Return the context that everything uses that is not given one."""
    with _default_lock:
        if not _default:
            _default.append(Context())
        return _default[0]


def ok(*, context: Context | None = None) -> bool:
    """Tell whether a context is on the network."""
    return (context or get_default_context()).ok()


def init(
    *,
    args: Sequence[str] | None = None,
    context: Context | None = None,
    domain_id: int | None = None,
    signal_handler_options: SignalHandlerOptions | None = None,
) -> None:
    """Join the network; SIGINT and SIGTERM shut the default context down unless told otherwise."""
    chosen = get_default_context() if context is None else context
    if signal_handler_options is None:
        is_default = context is None or context is get_default_context()
        signal_handler_options = SignalHandlerOptions.ALL if is_default else SignalHandlerOptions.NO
    install_signal_handlers(signal_handler_options)
    chosen.init(args, domain_id=domain_id)


def shutdown(*, context: Context | None = None, uninstall_handlers: bool | None = None) -> None:
    """Leave the network.

    Raises:
        RuntimeError: The context is not on it.
    """
    is_default = context is None or context is get_default_context()
    (context or get_default_context()).shutdown()
    _forget_default(context)
    if uninstall_handlers or (uninstall_handlers is None and is_default):
        uninstall_signal_handlers()


def try_shutdown(*, context: Context | None = None, uninstall_handlers: bool | None = None) -> None:
    """Leave the network unless that has happened."""
    is_default = context is None or context is get_default_context()
    (context or get_default_context()).try_shutdown()
    _forget_default(context)
    if uninstall_handlers or (uninstall_handlers is None and is_default):
        uninstall_signal_handlers()


def _forget_default(context: Context | None) -> None:
    with _default_lock:
        if context is None or context in _default:
            _default.clear()


class SignalHandlerOptions(enum.Enum):
    """Which signals shut the contexts down."""

    NO = ()
    SIGINT = (signal.SIGINT,)
    SIGTERM = (signal.SIGTERM,)
    ALL = (signal.SIGINT, signal.SIGTERM)


class _SignalWatch:
    """Handlers, and a thread that wakes executors which wait outside of the interpreter.

    Python runs a handler in the main thread as soon as that thread is back from DDS; what brings it
    back is the byte that Python writes to the wake-up socket the moment the signal arrives.
    """

    def __init__(self, signals: tuple[signal.Signals, ...]) -> None:
        self._previous = {number: signal.getsignal(number) for number in signals}
        self._receiver, self._sender = socket.socketpair()
        self._sender.setblocking(False)
        self._previous_fd = signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        for number in signals:
            signal.signal(number, self._handle)
        threading.Thread(target=self._wake, name="signals", daemon=True).start()

    def restore(self) -> None:
        signal.set_wakeup_fd(self._previous_fd)
        for number, handler in self._previous.items():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, handler)
        self._sender.close()  # ends the thread
        # CPython remembers a KeyboardInterrupt that passed through `exec` of a text, as rosbags'
        # generator uses it, and kills itself by SIGINT at its end although the exception was
        # handled. The next text that runs makes it forget.
        exec("pass")

    def _handle(self, number: int, frame: Any) -> None:
        """Shut down; then do what Python would have done, such as raise KeyboardInterrupt."""
        for context in list(_contexts):
            context.try_shutdown()
        previous = self._previous[signal.Signals(number)]
        if callable(previous):
            previous(number, frame)

    def _wake(self) -> None:
        with self._receiver:
            while self._receiver.recv(64):
                for context in list(_contexts):
                    context.wake()


_watch: list[_SignalWatch] = []


def install_signal_handlers(options: SignalHandlerOptions = SignalHandlerOptions.ALL) -> None:
    """Let signals shut the contexts down; possible in the main thread only."""
    in_main = threading.current_thread() is threading.main_thread()
    if options.value and in_main and not _watch:
        _watch.append(_SignalWatch(options.value))


def uninstall_signal_handlers() -> None:
    """Give the signals back."""
    if _watch and threading.current_thread() is threading.main_thread():
        _watch.pop().restore()
