//! Normalisations.

use mmtl_plan::{Norm, NormKind, Op, ParamId};

use crate::jobs::{List, maybe};
use crate::ops::norm;
use crate::program::compiler::{Compiler, Group, joined, most_columns, words};

impl Compiler<'_> {
    /// (index among the ops, op) of norms over rows.
    pub(super) fn over_rows<'b>(ops: &[(usize, &'b Op)]) -> Vec<(usize, &'b Norm)> {
        let norm = |&(number, op): &(usize, &'b Op)| {
            let Op::Norm(norm) = op else { return None };
            (norm.kind != NormKind::Layer).then_some((number, norm))
        };
        ops.iter().filter_map(norm).collect()
    }

    /// For each set of rows that a norm takes statistics of: the scene, and where those start.
    pub(super) fn sets(&self, number: usize, op: &Norm) -> Vec<(Option<usize>, usize)> {
        let len = self.slots.whole(op.out).width as usize * norm::KEPT;
        let first = self.statistics[number];
        match op.kind {
            NormKind::Layer => vec![],
            NormKind::Batch { .. } => vec![(None, first)],
            NormKind::Scene { .. } => {
                (0..self.plan.schema.scenes.len()).map(|scene| (Some(scene), first + scene * len)).collect()
            }
        }
    }

    pub(super) fn statistics(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let mut part = 0;
        let norms = Self::over_rows(ops);
        for (number, op) in &norms {
            let x = self.slots.whole(op.input);
            let (NormKind::Batch { mean, variance, momentum } | NormKind::Scene { mean, variance, momentum, .. }) =
                op.kind
            else {
                continue;
            };
            for (scene, at) in self.sets(*number, op) {
                let own = |state: usize| self.states[state] + scene.unwrap_or(0) * x.width as usize;
                jobs.push(joined::<{ norm::STATISTICS }>(&[
                    &words(x),
                    &[maybe(scene), at as u32, own(mean.0) as u32, own(variance.0) as u32],
                    &[momentum.to_bits(), op.eps.to_bits(), part],
                ]));
            }
            part += norm::SUMS * x.width;
        }
        let list = self.jobs.list(&jobs, most_columns(norms.iter().map(|(_, op)| self.slots.whole(op.out))));
        List { part, ..list }
    }

    /// One more than where the first scene's own scale starts, or 0, and where its shift does.
    pub(super) fn of_scenes(&self, op: &Norm) -> [usize; 2] {
        match op.kind {
            NormKind::Layer | NormKind::Batch { .. } => [0, 0],
            NormKind::Scene { scene_gamma, scene_beta, .. } => [self.offset(scene_gamma) + 1, self.offset(scene_beta)],
        }
    }

    pub(super) fn norm_rows_job(&self, number: usize, op: &Norm) -> [u32; norm::ROWS] {
        let [scene_gamma, scene_beta] = self.of_scenes(op);
        let parameters =
            [self.offset(op.gamma), self.offset(op.beta), scene_gamma, scene_beta, self.statistics[number]];
        let out = self.slots.whole(op.out).at;
        joined(&[&words(self.slots.whole(op.input)), &[out], &parameters.map(|at| at as u32)])
    }

    pub(super) fn norms_over_rows(&mut self, ops: &[(usize, &Op)]) -> List {
        let norms = Self::over_rows(ops);
        let jobs: Vec<_> = norms.iter().map(|(number, op)| self.norm_rows_job(*number, op)).collect();
        self.jobs.list(&jobs, most_columns(norms.iter().map(|(_, op)| self.slots.whole(op.out))))
    }

    /// A job for each group of norms over the width, with the group of the input.
    pub(super) fn width_jobs(&self, ops: &[(usize, &Op)]) -> Vec<([u32; norm::WIDTH], Group)> {
        let mut jobs = vec![];
        for (number, op) in ops {
            let (Op::Norm(op), Some(kept)) = (op, self.kept[*number]) else { continue };
            let kept = self.slots.whole(kept);
            for (slot, group) in self.groups_of(op.input) {
                let (x, out) = (self.slots.place(slot, group), self.slots.place(op.out, group));
                let own = |param: ParamId| (self.offset(param) + group * x.width as usize) as u32;
                let job = joined(&[
                    &words(x),
                    &[out.at, own(op.gamma), own(op.beta), kept.at, kept.stride, op.eps.to_bits(), group as u32],
                ]);
                jobs.push((job, (slot, group)));
            }
        }
        jobs
    }

    pub(super) fn norms_over_width(&mut self, ops: &[(usize, &Op)]) -> List {
        let jobs: Vec<_> = self.width_jobs(ops).into_iter().map(|(job, _)| job).collect();
        self.jobs.list(&jobs, jobs.iter().map(|job| job[2]).max().unwrap_or(0))
    }

    /// Gradients of γ and β, in parts.
    pub(super) fn width_gradients(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        for (job, _) in self.width_jobs(ops) {
            let [columns, gamma, beta] = [job[2], job[4], job[5]];
            let at = self.sums.sum(columns, gamma as usize);
            self.sums.sum(columns, beta as usize);
            jobs.push(joined::<{ norm::WIDTH_GRADIENT }>(&[&job, &[at]]));
        }
        self.jobs.list(&jobs, jobs.iter().map(|job| job[2]).max().unwrap_or(0))
    }

    pub(super) fn norm_reductions(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let mut part = 0;
        let norms = Self::over_rows(ops);
        for (number, op) in &norms {
            let (x, out) = (self.slots.whole(op.input), self.slots.whole(op.out));
            let [scene_gamma, scene_beta] = self.of_scenes(op);
            for (scene, at) in self.sets(*number, op) {
                let own = scene.unwrap_or(0) * x.width as usize;
                let scene_gamma = if scene_gamma == 0 { 0 } else { scene_gamma + own };
                jobs.push(joined::<{ norm::REDUCE }>(&[
                    &words(x),
                    &[out.at, maybe(scene), at as u32, self.offset(op.gamma) as u32],
                    &[scene_gamma as u32, (scene_beta + own) as u32, part],
                ]));
            }
            part += norm::SUMS * x.width;
        }
        let list = self.jobs.list(&jobs, most_columns(norms.iter().map(|(_, op)| self.slots.whole(op.out))));
        List { part, ..list }
    }

    pub(super) fn norm_rows_inputs(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let mut columns = 0;
        for (number, op) in Self::over_rows(ops) {
            if self.learns[op.input.0] {
                let adds = self.adds_to_all(op.input);
                let job = self.norm_rows_job(number, op);
                jobs.push(joined::<{ norm::INPUT_ROWS }>(&[&job, &[u32::from(adds)]]));
                columns = columns.max(job[2]);
            }
        }
        self.jobs.list(&jobs, columns)
    }

    pub(super) fn norm_width_inputs(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        for (job, group) in self.width_jobs(ops) {
            if self.learns[group.0.0] {
                let adds = self.adds(group);
                jobs.push(joined::<{ norm::INPUT_WIDTH }>(&[&job, &[u32::from(adds)]]));
            }
        }
        self.jobs.list(&jobs, 1)
    }

    pub(super) fn norms_shared(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        for (number, op) in Self::over_rows(ops) {
            let columns = self.slots.whole(op.out).width;
            let parts = [self.offset(op.gamma), self.offset(op.beta), self.of_scenes(op)[0], self.statistics[number]];
            let sets = self.sets(number, op).len() as u32;
            jobs.push(joined::<{ norm::SHARED }>(&[&[columns], &parts.map(|at| at as u32), &[sets]]));
        }
        self.jobs.list(&jobs, jobs.iter().map(|job| job[0]).max().unwrap_or(0))
    }
}
