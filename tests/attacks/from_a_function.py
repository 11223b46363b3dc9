"""A function: code of a stranger that the process engine runs.

`guard` among what stops an attack is the network guard, which is there at every level but `none` unless `faas doctor`
says otherwise. The attacks themselves are in `inside.py`, under the same names.
"""

from tests.attacks.attack import ALWAYS, Attack

NAMESPACES, LANDLOCK, SECCOMP, GUARD = "namespaces", "landlock", "seccomp", "guard"
FILES = (NAMESPACES, LANDLOCK)
CALLS = (NAMESPACES, LANDLOCK, SECCOMP)
VIEW = (NAMESPACES,)

ATTACKS = (
    # Files
    Attack("read the administrators password", "the whole gateway", FILES),
    Attack("read the secrets of another function", "its secrets", FILES),
    Attack("read the secrets of a running neighbour", "its secrets", FILES),
    Attack("read the configuration of other functions", "their images and variables", FILES),
    Attack("read an ssh key", "other machines of the user", FILES),
    Attack("read the credentials of the command line", "every gateway the user has logged in to", FILES),
    Attack("infect the image of all replicas", "code in all replicas of a neighbour", FILES),
    Attack("infect the own image", "code that survives an update and runs in every replica", FILES),
    Attack("forge a record of running processes", "the next gateway kills processes of the attacker's choice", FILES),
    Attack("change the log of another function", "traces removed", FILES),
    Attack("change the images of the store", "code in later deployments", FILES),
    Attack("change a startup file of the user", "code that runs as the user at the next login", FILES),
    Attack("change the gateways own code", "the whole gateway after its next start", FILES, root=True),
    Attack("leave a file for other programs of the machine", "tricks with programs that trust a shared folder", FILES),
    Attack("list the files of the user", "what there is to steal", FILES),
    Attack("ask whether a file exists", "knowledge about the machine", VIEW),
    Attack("put a link among the own secrets", "a renewed secret is written elsewhere", FILES),
    Attack("fill the disk with temporary files", "everything on the machine stops", VIEW),
    Attack("make a device", "the memory and disks of the machine", CALLS, root=True),
    Attack("mount a file system", "other files in place of the machine's", CALLS, root=True),
    Attack("change the root folder", "set-user programs with files of the attacker's", CALLS, root=True),
    Attack("open files by their handles", "any file of the disk", CALLS, root=True),
    Attack("change a setting of the kernel", "a program that the kernel runs as root", FILES, root=True),
    Attack("leave the control group", "no limit holds", FILES, root=True),
    # Processes
    Attack("see the processes of the machine", "command lines, and whom to attack", VIEW),
    Attack("read the environment of the gateway", "credentials in variables", FILES),
    Attack("open the memory of the gateway", "every password and secret in it", FILES),
    Attack("open the memory of the own watchdog", "the calls of other callers, and connections in its name", VIEW),
    Attack("copy the memory of the gateway", "every password and secret in it", CALLS),
    Attack("trace a process", "control of another process", CALLS),
    Attack("end the gateway", "nothing is served", FILES),
    Attack("end a neighbour", "another function is not served", FILES),
    Attack("slow down the gateway", "nothing is served in time", VIEW),
    Attack("limit the resources of the gateway", "the gateway opens no files", VIEW),
    Attack("use a descriptor that was left open", "the gateway's listening socket or log", (ALWAYS,)),
    Attack("attach the shared memory of another program", "its data", VIEW),
    Attack("gain rights by a setuid program", "root, by an error in sudo or su", CALLS),
    Attack("keep the rights of root", "the whole machine", CALLS, root=True),
    Attack("become another user", "files of that user", CALLS, root=True),
    # Network
    Attack("call a neighbour past the gateway", "functions that are internal or need credentials", (NAMESPACES, GUARD)),
    Attack("reach the http server of a neighbour", "functions that are internal or need credentials", (GUARD,)),
    Attack("reach a unix socket of the machine", "Docker, databases, the desktop", (NAMESPACES, GUARD)),
    Attack("reach an abstract socket of the machine", "the session's services", (LANDLOCK, GUARD)),
    Attack("read the metrics of the gateway", "names and loads of all functions", (GUARD,)),
    Attack("read the metrics by a mapped address", "a rule that only knows IPv4", (GUARD,)),
    Attack("read the metrics with the first packet", "a rule that only knows connect", (GUARD,)),
    Attack("read the metrics by sendmsg", "a rule that only knows sendto", (GUARD,)),
    Attack("open a port to the outside", "a server on the machine's network", (GUARD,)),
    Attack("read every packet", "the traffic of the machine", CALLS, root=True),
    Attack("send forged packets", "attacks on the network in the machine's name", CALLS, root=True),
    Attack("manage functions without a password", "the whole gateway", (ALWAYS,)),
    # Kernel
    Attack("make namespaces", "parts of the kernel that are meant for root", CALLS),
    Attack("load programs into the kernel", "code in the kernel", CALLS, root=True),
    Attack("submit system calls through a ring", "system calls that no filter sees", CALLS),
    Attack("stop the kernel at a page", "races in the kernel are won", CALLS),
    Attack("watch the processor", "secrets by side channels", CALLS, root=True),
    Attack("use the kernels keys", "keys of the user's session", CALLS),
    Attack("read the kernels log", "addresses in the kernel", CALLS, root=True),
    Attack("load a module", "code in the kernel", CALLS, root=True),
    Attack("start another kernel", "the whole machine", CALLS, root=True),
    Attack("rename the machine", "programs that trust the name", CALLS, root=True),
    Attack("compare descriptors of processes", "addresses in the kernel", CALLS),
    Attack("move memory between nodes", "time of other programs", CALLS),
    Attack("take descriptors of processes", "open files and connections of the gateway", CALLS),
)
