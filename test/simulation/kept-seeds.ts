// Seeds that once showed a bug: run first in every run, and by test/regress. A seed keeps its history only as long as the
// simulator draws the same; what each one showed has a reproduction of its own beside, in test/regress or in the tests of
// the part that was mended.

export interface KeptSeed {
  readonly seed: number
  /** What holds since. */
  readonly shows: string
}

export const keptSeeds: readonly KeptSeed[] = [
  { seed: 59, shows: 'too many open files are no fault of the file' },
  { seed: 106, shows: 'the name of a part that an earlier process made is synced' },
  { seed: 140, shows: 'a journal whose sync met a full disk is not written on, and not waited for' },
  { seed: 148, shows: 'a sender may have forgotten a revision' },
  { seed: 725, shows: 'a name that was reserved is our own' },
  { seed: 800, shows: 'a fault of our own disk is none of the source' },
  { seed: 1466, shows: 'what is out goes before what was lost' },
  { seed: 3548, shows: 'a receiver may have forgotten pages, too' },
  { seed: 4900, shows: 'a symbolic link is made in one step' },
  { seed: 5680, shows: 'a receiver may have forgotten its receipt' },
  { seed: 2351, shows: 'a connection that is about to end is sent nothing' },
  {
    seed: 3934,
    shows: 'a chunk that is written while its session ends hints before the file is closed, or not at all',
  },
  { seed: 2371, shows: 'a folder that cannot be closed costs no file that was opened below it' },
  { seed: 1060, shows: 'what is spilled is a folder, also when it was away for a moment' },
  { seed: 9745, shows: 'a small file whose next version is expected already is not read in the one before' },
  { seed: 11_753, shows: 'a pack may go out with a file that was announced anew meanwhile; nobody writes it' },
  {
    seed: 7777,
    shows: 'a sender that was restored and walked anew is told so, also of pages that were not stored yet',
  },
  { seed: 17_375, shows: 'nothing that is still being read comes behind the end' },
  {
    seed: 23_926,
    shows: 'what was acknowledged below the level of checkpoints and is lost comes on top of the window',
  },
  {
    seed: 25_481,
    shows: 'a second greeting of the same process may be older than the pages that its first connection brought',
  },
  { seed: 68_469, shows: 'a part that is a file in place as well is not written to' },
  {
    seed: 89_808,
    shows: 'a receiver that has lost its journal hears of no change in a page that it does not know yet',
  },
  { seed: 82_781, shows: 'what a newer revision has overtaken on its way to the disk is not acknowledged' },
  { seed: 88_770, shows: 'a name that was replaced before a sync does not come back' },
  {
    seed: 13_372,
    shows: "a name that was reserved, and that a damaged journal has forgotten, is taken for somebody else's",
  },
  { seed: 43_861, shows: "somebody else's file is in a folder that no power cut takes" },
  { seed: 48_308, shows: 'no page that is still being read comes behind the end' },
  { seed: 65_433, shows: 'nor one of files that are all there already' },
  { seed: 70_318, shows: 'a copy of a disk whose journal was damaged has a damaged journal, too' },
]
