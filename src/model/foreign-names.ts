// What a name means elsewhere: which names other file systems take for the same, which Windows cannot have, and which places
// in a home folder make programs do things. Rules of name and path themselves are in names.ts; nothing here changes a name.

import { isPlainName, type Name, type Path } from './names.ts'

// What HFS+ and others leave out when they compare (git CVE-2014-9390).
const ignored = /\p{Default_Ignorable_Code_Point}/gu

/** The same text for names that a folding file system may take for one: whatever their case, composition or compatibility. */
export function foldName(name: Name): string {
  if (isPlainName(name)) return name.toLowerCase().replace(/[. ]+$/, '') // What follows would say the same.
  const plain = name.normalize('NFKD').replace(ignored, '')
  return plain
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[. ]+$/, '') // ß by way of SS; Windows drops the end.
}

/** Whether some file system may take the name for that of carryon's own directory. */
export function isOwnName(name: Name): boolean {
  return foldName(name) === '.carryon' || /^carryo~\d$/i.test(name)
}

const device = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])[ ]*(\.|:|$)/i
// eslint-disable-next-line no-control-regex
const notOnWindows = /[\u0000-\u001f<>:"\\|?*]/

/** Why Windows and its file systems cannot have a name, or would take it for another one; undefined if they can. */
export function windowsFault(name: Name): string | undefined {
  if (notOnWindows.test(name)) return 'this disk has no names with such characters'
  if (/^ |[ .]$/.test(name)) return 'this disk has no names that begin with a space, or end in one or in a dot'
  return device.test(name) ? 'this disk takes that name for a device' : undefined
}

/** Names at the top of a home folder that a shell, a desktop or a remote login reads and obeys; a slash leads into a folder. */
const obeyed: ReadonlySet<string> = new Set(
  `.ssh .gnupg .rhosts .shosts .netrc .forward .profile .login .logout .environment .pam_environment .inputrc
  .bashrc .bash_profile .bash_login .bash_logout .bash_aliases .zshrc .zshenv .zprofile .zlogin .zlogout .kshrc .mkshrc
  .cshrc .tcshrc .xinitrc .xserverrc .xsession .xsessionrc .xprofile .xresources .xdefaults .vimrc .exrc .nvimrc .emacs
  .emacs.d .gitconfig .hgrc .npmrc .pythonrc.py .pypirc .gdbinit .tmux.conf .screenrc .login_conf
  .config/autostart .config/autostart-scripts .config/systemd .config/environment.d .config/fish .config/git
  .config/plasma-workspace .config/nvim .local/bin .local/state/carryon .local/share/applications
  .local/share/dbus-1 .local/share/systemd library/launchagents library/launchdaemons`.split(/\s+/),
)

/** Why nothing is received at a path below somebody's home folder, or undefined. */
export function homeFault(path: Path): string | undefined {
  const folded = path.map(foldName)
  const isObeyed = [1, 2, 3].some((depth) => obeyed.has(folded.slice(0, depth).join('/')))
  const isHook = folded.some((name, i) => name === 'hooks' && folded[i - 1] === '.git')
  return isObeyed || isHook ? 'programs obey what lies there: receive it into another folder and move it' : undefined
}
