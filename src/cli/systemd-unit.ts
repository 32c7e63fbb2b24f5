// The units that `carryon serve DIR --print-unit` prints: a service that may write into DIR and its own state and can do
// little else, and behind it, commented out, a socket that systemd holds. No MemoryDenyWriteExecute: the JIT needs it off.

export interface UnitOptions {
  /** What starts this program: words of a command line. */
  readonly program: readonly string[]
  /** Absolute. */
  readonly directory: string
  readonly port: number
}

export function serviceUnit({ program, directory, port }: UnitOptions): string {
  const path = quoted(directory)
  return `# carryon serve ${escaped(directory)}, as a service of its own user:
#   useradd --system --no-create-home carryon && chown carryon ${escaped(directory)}
#   carryon serve DIR --print-unit > /etc/systemd/system/carryon.service
#   systemctl daemon-reload && systemctl enable --now carryon
# Its tickets:  sudo -u carryon carryon ticket new --root ${escaped(directory)} --for send

[Unit]
Description=carryon serves ${escaped(directory)}
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
User=carryon
ExecStart=${program.map(quoted).join(' ')} serve ${path}
Restart=on-failure
RestartPreventExitStatus=2 11
TimeoutStopSec=10
StateDirectory=carryon
StateDirectoryMode=0700
UMask=0077

${hardening(path, port)}

[Install]
WantedBy=multi-user.target

# To have systemd hold the port, so that nobody is refused while the service restarts, put these lines, without their
# marks, into /etc/systemd/system/carryon.socket and enable that one:
#[Socket]
#ListenStream=${port}
#[Install]
#WantedBy=sockets.target
`
}

/** What `systemd-analyze security` asks for, but for what would stop Node or keep the folder and the port from it. */
function hardening(path: string, port: number): string {
  return `# Of the file system: read what is needed to run, write into the folder.
ProtectSystem=strict
ProtectHome=tmpfs
BindPaths=${path}
ReadWritePaths=${path}
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectProc=invisible
ProcSubset=pid

# Of the kernel: nothing but plain work.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
PrivateUsers=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

# Of the network: this one port, and the list of this machine's addresses.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SocketBindAllow=tcp:${port}
SocketBindDeny=any`
}

/** A word of a unit's command line or list of paths. */
function quoted(word: string): string {
  const text = escaped(word)
  return /^[\w/.:@+,=-]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`
}

/** Percent signs mean something to systemd; a line break would begin another setting. */
function escaped(text: string): string {
  return text.replaceAll('%', '%%').replaceAll(/[\n\r]/g, ' ')
}
