/** Of one memory of the chip, bytes. */
export interface MemoryUse {
  used: number;
  /** What a firmware may use: the chip's memory without the boot loader's share. */
  total: number;
}

export interface FirmwareSize {
  flash: MemoryUse;
  ram: MemoryUse;
}

/** How much of their chips the firmwares of a build take, by the firmware's file name; a split board has two. */
export type SizeReport = Record<string, FirmwareSize>;
