// The one way a name or text from a peer or a disk reaches a terminal, a log or a prompt: what could move the cursor,
// change direction, hide or end a line becomes a visible escape. JSON goes the same way for C1 only (it escapes C0 itself).

// C0, DEL, C1; zero-width and directional marks; line and paragraph separators; BOM; tags; lone surrogates.
const dangerous =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udfff]/gu

/** Text made safe to show. An escaped byte of a name (see names.ts) is shown as `\xNN`, all else as `\u{N}`. */
export function display(text: string): string {
  return text.replace(dangerous, (character) => {
    const point = character.codePointAt(0)!
    if (point >= 0xdc80 && point <= 0xdcff) return `\\x${(point - 0xdc00).toString(16)}`
    if (point === 0x0a) return '\\n'
    if (point === 0x0d) return '\\r'
    if (point === 0x09) return '\\t'
    return point < 0x100 ? `\\x${point.toString(16).padStart(2, '0')}` : `\\u{${point.toString(16)}}`
  })
}
