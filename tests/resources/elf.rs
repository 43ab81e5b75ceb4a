//! Small ELF files for tests: what a linker writes of a program's machine, loader and versions (elf(5), and the LSB's
//! "Symbol Versioning").

/// A 64-bit program for a machine (`e_machine`) that needs these versions, by this loader.
pub fn elf(machine: u16, versions: &[&str], loader: Option<&str>) -> Vec<u8> {
    const HEADER: usize = 64;
    const SEGMENT: usize = 56;
    let interp = loader.map_or(Vec::new(), |loader| [loader.as_bytes(), b"\0"].concat());
    let mut strings = b"\0libc.so.6\0".to_vec();
    let mut needs = Vec::new();
    if !versions.is_empty() {
        // Elfxx_Verneed: version, count, file, aux, next.
        needs.extend(1_u16.to_le_bytes());
        needs.extend((versions.len() as u16).to_le_bytes());
        needs.extend([1_u32, 16, 0].map(u32::to_le_bytes).concat());
    }
    for (index, version) in versions.iter().enumerate() {
        // Elfxx_Vernaux: hash, flags, other, name, next.
        let next = if index + 1 == versions.len() { 0 } else { 16 };
        needs.extend(0_u32.to_le_bytes());
        needs.extend([0_u16, 2].map(u16::to_le_bytes).concat());
        needs.extend([strings.len() as u32, next].map(u32::to_le_bytes).concat());
        strings.extend([version.as_bytes(), b"\0"].concat());
    }
    while !(interp.len() + strings.len()).is_multiple_of(8) {
        strings.push(0);
    }
    let segments = usize::from(loader.is_some());
    let interp_at = HEADER + SEGMENT * segments;
    let strings_at = interp_at + interp.len();
    let needs_at = strings_at + strings.len();
    let sections_at = needs_at + needs.len();

    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([2_u16, machine].map(u16::to_le_bytes).concat());
    file.extend(1_u32.to_le_bytes());
    file.extend(
        [0_u64, HEADER as u64, sections_at as u64]
            .map(u64::to_le_bytes)
            .concat(),
    );
    file.extend(0_u32.to_le_bytes());
    let sizes = [HEADER as u16, SEGMENT as u16, segments as u16, 64, 3, 1];
    file.extend(sizes.map(u16::to_le_bytes).concat());
    if loader.is_some() {
        file.extend([3_u32, 4].map(u32::to_le_bytes).concat());
        let size = interp.len() as u64;
        let at = interp_at as u64;
        file.extend([at, at, at, size, size, 1].map(u64::to_le_bytes).concat());
    }
    file.extend(interp);
    file.extend(&strings);
    file.extend(&needs);
    let mut section = |kind: u32, at: usize, size: usize, link: u32, info: u32| {
        file.extend([0, kind].map(u32::to_le_bytes).concat());
        file.extend([0, 0, at as u64, size as u64].map(u64::to_le_bytes).concat());
        file.extend([link, info].map(u32::to_le_bytes).concat());
        file.extend([1_u64, 0].map(u64::to_le_bytes).concat());
    };
    section(0, 0, 0, 0, 0);
    // SHT_STRTAB and SHT_GNU_verneed.
    section(3, strings_at, strings.len(), 0, 0);
    section(0x6fff_fffe, needs_at, needs.len(), 1, 1);
    file
}
