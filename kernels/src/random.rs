//! Philox4x32-10 on the device: the numbers of [`mmtl_plan::Stream`], bit for bit.

use cubecl::prelude::*;

/// The state while it is mixed.
#[derive(CubeType, CubeTypeMut, Clone, Copy)]
struct Words {
    a: u32,
    b: u32,
    c: u32,
    d: u32,
}

/// Element `index` of a step.
#[cube]
pub fn word(index: u32, step_low: u32, step_high: u32, key_low: u32, key_high: u32) -> u32 {
    let mut c = Words { a: index / 4u32, b: 0u32.runtime(), c: step_low, d: step_high };
    let mut low = key_low;
    let mut high = key_high;
    for _ in 0..10u32 {
        let high_a = u32::mul_hi(0xD251_1F53u32.runtime(), c.a);
        let low_a = 0xD251_1F53u32 * c.a;
        let high_b = u32::mul_hi(0xCD9E_8D57u32.runtime(), c.c);
        let low_b = 0xCD9E_8D57u32 * c.c;
        c = Words { a: high_b ^ c.b ^ low, b: low_b, c: high_a ^ c.d ^ high, d: low_a };
        low += 0x9E37_79B9u32;
        high += 0xBB67_AE85u32;
    }
    let lane = index % 4u32;
    let mut word = c.a;
    if lane == 1u32 {
        word = c.b;
    } else if lane == 2u32 {
        word = c.c;
    } else if lane == 3u32 {
        word = c.d;
    }
    word
}
