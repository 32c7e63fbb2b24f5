// JSON as the command prints it. It escapes C0 and lone surrogates by itself; DEL, C1, and what changes direction, has no
// width or ends a line elsewhere would still act on a terminal or a reader (R96).

const acting = /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g

/** @param indent spaces a level, for people; none: on one line */
export function jsonText(value: object, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(acting, escaped)
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
