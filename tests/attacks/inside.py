"""The code of the attacks from inside a function. It runs there: only the standard library, nothing of this project.

Each attack returns what it gained, and raises if it gained nothing. The request says what it may know beforehand:
a stranger could guess the paths, and find the rest.
"""

import ctypes
import glob
import json
import os
import platform
import signal
import socket
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"
KNOWN = {}
ATTACKS = {}


def attack(function):
    ATTACKS[function.__name__.replace("_", " ")] = function
    return function


def stopped(why="nothing was gained"):
    raise OSError(0, why)


def call(x86, arm, *arguments):
    """A system call by its number. Raises for EPERM and the like; another error means that it was let through."""
    ctypes.set_errno(0)
    result = LIBC.syscall(ctypes.c_long(x86 if X86 else arm), *(ctypes.c_long(each) for each in arguments))
    if result < 0 and ctypes.get_errno() in (1, 13, 38):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return f"answered {result}, errno {ctypes.get_errno()}"


def read(path):
    with open(path, "rb") as file:
        return repr(file.read(200))


def write(path, flags=os.O_WRONLY):
    os.close(os.open(path, flags, 0o600))
    return f"{path} is open for writing"


def first(pattern):
    found = sorted(glob.glob(pattern))
    return found[0] if found else stopped(f"{pattern} is not there")


# Files


@attack
def read_the_administrators_password():
    return read(f"{KNOWN['state']}/basic-auth-password")


@attack
def read_the_secrets_of_another_function():
    return read(first(f"{KNOWN['state']}/secrets/*/victim-secret"))


@attack
def read_the_secrets_of_a_running_neighbour():
    return read(first(f"{KNOWN['state']}/process/replicas/victim-*/secrets/victim-secret"))


@attack
def read_the_configuration_of_other_functions():
    return read(first(f"{KNOWN['state']}/process/functions/*/victim*"))


@attack
def read_an_ssh_key():
    return read(f"{KNOWN['home']}/.ssh/id_ed25519")


@attack
def read_the_credentials_of_the_command_line():
    return read(f"{KNOWN['home']}/.openfaas/config.yml")


@attack
def infect_the_image_of_all_replicas():
    return write(first(f"{KNOWN['state']}/process/rootfs/*/home/app/victim.py"))


@attack
def infect_the_own_image():
    own = os.path.dirname(os.path.abspath(__file__))
    os.close(os.open(f"{own}/infected.py", os.O_WRONLY | os.O_CREAT, 0o600))
    os.unlink(f"{own}/infected.py")
    return "wrote beside the handler"


@attack
def forge_a_record_of_running_processes():
    path = f"{KNOWN['state']}/process/marks/forged.json"
    write(path, os.O_WRONLY | os.O_CREAT)
    os.unlink(path)
    return path


@attack
def change_the_log_of_another_function():
    return write(first(f"{KNOWN['state']}/process/logs/*/victim.log"), os.O_WRONLY | os.O_APPEND)


@attack
def change_the_images_of_the_store():
    return write(first(f"{KNOWN['state']}/images/index.json"))


@attack
def change_a_startup_file_of_the_user():
    return write(f"{KNOWN['home']}/.profile")


@attack
def change_the_gateways_own_code():
    return write(KNOWN["code"])


@attack
def leave_a_file_for_other_programs_of_the_machine():
    path = f"{KNOWN['shared']}/left-{os.getpid()}"
    write(path, os.O_WRONLY | os.O_CREAT)
    os.unlink(path)
    return path


@attack
def list_the_files_of_the_user():
    return repr(os.listdir(KNOWN["home"]))


@attack
def ask_whether_a_file_exists():
    os.stat(f"{KNOWN['state']}/basic-auth-password")
    return "it does"


@attack
def put_a_link_among_the_own_secrets():
    path = f"{os.environ.get('secret_mount_path')}/link"
    os.symlink("/etc/passwd", path)
    os.unlink(path)
    return path


@attack
def fill_the_disk_with_temporary_files():
    path = f"{os.environ['TMPDIR']}/large"
    try:
        with open(path, "wb") as file:
            for _ in range(80):
                file.write(bytes(1 << 20))
    finally:
        os.unlink(path)
    return "80 MB"


@attack
def make_a_device():
    path = f"{os.environ['TMPDIR']}/device"
    os.mknod(path, 0o020600, os.makedev(1, 1))
    os.unlink(path)
    return path


@attack
def mount_a_file_system():
    folder = f"{os.environ['TMPDIR']}/mounted"
    os.makedirs(folder, exist_ok=True)
    call(165, 40, *map(id_of, (b"none", folder.encode(), b"tmpfs")), 0, 0)
    os.stat(folder)
    if LIBC.umount2(folder.encode(), 2) != 0:
        stopped("nothing was mounted")
    return folder


def id_of(text, kept=[]):  # noqa: B006 - keeps the buffers alive
    kept.append(ctypes.create_string_buffer(text))
    return ctypes.addressof(kept[-1])


@attack
def change_the_root_folder():
    os.chroot("/")
    return "chroot worked"


@attack
def open_files_by_their_handles():
    return call(304, 265, -1, 0, 0)


@attack
def change_a_setting_of_the_kernel():
    return write("/proc/sys/kernel/core_pattern")


@attack
def leave_the_control_group():
    return write(first("/sys/fs/cgroup/*/cgroup.procs"))


# Processes


def gateway():
    """The gateway's number. Raises where that number is nobody's here, or another process's."""
    if "gateway_at_level" not in read(f"/proc/{KNOWN['gateway']}/cmdline"):
        stopped("the number is that of another process here")
    return KNOWN["gateway"]


@attack
def see_the_processes_of_the_machine():
    return read(f"/proc/{gateway()}/cmdline")


@attack
def read_the_environment_of_the_gateway():
    return read(f"/proc/{gateway()}/environ")


@attack
def open_the_memory_of_the_gateway():
    return write(f"/proc/{gateway()}/mem", os.O_RDWR)


@attack
def open_the_memory_of_the_own_watchdog():
    pid = os.getppid()
    while b"fwatchdog" not in open(f"/proc/{pid}/cmdline", "rb").read():
        status = open(f"/proc/{pid}/status", encoding="ascii").read()
        pid = int(status.partition("PPid:")[2].split()[0])
    return write(f"/proc/{pid}/mem", os.O_RDWR)


@attack
def copy_the_memory_of_the_gateway():
    local = ctypes.create_string_buffer(16)
    with open(f"/proc/{gateway()}/maps") as maps:
        address = int(maps.readline().split("-")[0], 16)
    pair = (ctypes.c_long * 4)(ctypes.addressof(local), 16, address, 16)
    base = ctypes.addressof(pair)
    got = call(310, 270, KNOWN["gateway"], base, 1, base + 16, 1, 0)
    return got if "answered 16" in got else stopped(got)


@attack
def trace_a_process():
    child = os.fork()
    if child == 0:
        time.sleep(5)
        os._exit(0)
    try:
        got = call(101, 117, 16, child, 0, 0)
        return got if "answered 0" in got else stopped(got)
    finally:
        os.kill(child, signal.SIGKILL)


@attack
def end_the_gateway():
    os.kill(gateway(), 0)
    return "a signal would have arrived"


@attack
def end_a_neighbour():
    os.kill(KNOWN["victim"], 0)
    if "victim" not in read(f"/proc/{KNOWN['victim']}/cmdline"):
        stopped("the number is that of another process here")
    return "a signal would have arrived"


@attack
def slow_down_the_gateway():
    gateway()
    os.setpriority(os.PRIO_PROCESS, KNOWN["gateway"], os.getpriority(os.PRIO_PROCESS, KNOWN["gateway"]))
    return "its priority was set"


@attack
def limit_the_resources_of_the_gateway():
    import resource

    gateway()
    resource.prlimit(KNOWN["gateway"], resource.RLIMIT_CORE, resource.prlimit(KNOWN["gateway"], resource.RLIMIT_CORE))
    return "its limits were set"


@attack
def use_a_descriptor_that_was_left_open():
    mine = os.listdir("/proc/self/fd")
    left = []
    for name in mine:
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if int(name) > 2 and not target.startswith(("pipe:", "/proc/")):
            left.append(target)
    return repr(left) if left else stopped()


@attack
def attach_the_shared_memory_of_another_program():
    found = LIBC.shmget(KNOWN["shm_key"], 0, 0)
    return f"segment {found}" if found >= 0 else stopped()


@attack
def gain_rights_by_a_setuid_program():
    status = read_status("NoNewPrivs")
    return "programs may change the user" if status == "0" else stopped()


def read_status(name):
    with open("/proc/self/status") as file:
        return next(line.split()[1] for line in file if line.startswith(f"{name}:"))


@attack
def keep_the_rights_of_root():
    rights = int(read_status("CapEff"), 16)
    return f"{rights:x}" if rights else stopped()


@attack
def become_another_user():
    os.setresuid(2, 2, 2)
    return "number 2"


# Network


def reached(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as sock:
        sock.settimeout(1)
        sock.connect(address)
        return f"connected to {address}"


@attack
def call_a_neighbour_past_the_gateway():
    return reached(socket.AF_UNIX, KNOWN["victim_socket"])


@attack
def reach_the_http_server_of_a_neighbour():
    return reached(socket.AF_INET, ("127.0.0.1", KNOWN["victim_port"]))


@attack
def reach_a_unix_socket_of_the_machine():
    return reached(socket.AF_UNIX, f"{KNOWN['shared']}/daemon.sock")


@attack
def reach_an_abstract_socket_of_the_machine():
    return reached(socket.AF_UNIX, f"\0{KNOWN['abstract']}")


@attack
def read_the_metrics_of_the_gateway():
    return reached(socket.AF_INET, ("127.0.0.1", KNOWN["metrics"]))


@attack
def read_the_metrics_by_a_mapped_address():
    return reached(socket.AF_INET6, ("::ffff:127.0.0.1", KNOWN["metrics"]))


@attack
def read_the_metrics_with_the_first_packet():
    with socket.socket() as sock:
        sock.setblocking(True)
        sent = sock.sendto(b"GET /metrics HTTP/1.0\r\n\r\n", 0x20000000, ("127.0.0.1", KNOWN["metrics"]))
        return f"sent {sent} bytes, got {sock.recv(15)!r}"


@attack
def read_the_metrics_by_sendmsg():
    with socket.socket() as sock:
        sock.setblocking(True)
        sock.sendmsg([b"GET /metrics HTTP/1.0\r\n\r\n"], [], 0x20000000, ("127.0.0.1", KNOWN["metrics"]))
        return f"got {sock.recv(15)!r}"


@attack
def open_a_port_to_the_outside():
    with socket.socket() as sock:
        sock.bind(("0.0.0.0", 0))
        sock.listen()
        address = sock.getsockname()[0]
        return address if not address.startswith("127.") else stopped(address)


@attack
def read_every_packet():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3).close()
    return "a packet socket"


@attack
def send_forged_packets():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()
    return "a raw socket"


@attack
def manage_functions_without_a_password():
    with socket.socket() as sock:
        sock.settimeout(2)
        sock.connect(("127.0.0.1", KNOWN["port"]))
        sock.sendall(b"GET /system/functions HTTP/1.0\r\n\r\n")
        line = sock.recv(100).split(b"\r\n")[0].decode()
        return line if " 200" in line else stopped(line)


# Kernel


@attack
def make_namespaces():
    pid = os.fork()
    if pid == 0:
        os._exit(LIBC.unshare(0x10000000) and 1)
    return "a user namespace" if os.waitpid(pid, 0)[1] == 0 else stopped()


@attack
def load_programs_into_the_kernel():
    return call(321, 280, 99, 0, 0)


@attack
def submit_system_calls_through_a_ring():
    return call(425, 425, 0, 0)


@attack
def stop_the_kernel_at_a_page():
    return call(323, 282, 1)


@attack
def watch_the_processor():
    return call(298, 241, 0, 0, -1, -1, 0)


@attack
def use_the_kernels_keys():
    return call(250, 219, 0, -3, 0)


@attack
def read_the_kernels_log():
    return call(103, 116, 10, 0, 0)


@attack
def load_a_module():
    return call(175, 105, 0, 0, 0)


@attack
def start_another_kernel():
    return call(246, 104, 0, 99, 0, 0)


@attack
def rename_the_machine():
    name = id_of(socket.gethostname().encode())
    return call(170, 161, name, len(socket.gethostname()))


@attack
def compare_descriptors_of_processes():
    return call(312, 272, os.getpid(), os.getpid(), 99, 0, 0)


@attack
def move_memory_between_nodes():
    return call(256, 238, 0, 0, 0, 0)


@attack
def take_descriptors_of_processes():
    return call(438, 438, -1, 0, 0)


def attempt(function):
    """Run an attack in a process of its own, for at most three seconds: whether it succeeded, and what it said."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(3)
        try:
            result = [True, function()]
        except BaseException as error:
            result = [False, f"{type(error).__name__}: {error}"]
        os.write(writing, json.dumps(result).encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer) if answer else [False, "ended"]


if __name__ == "__main__":
    KNOWN.update(json.load(sys.stdin))
    print(json.dumps({name: attempt(function) for name, function in ATTACKS.items()}))
