function path = DPX_getOutputLocation(varargin)
%DPX_getOutputLocation  Tell where a file of a study belongs, before it exists.
%   DPX_getOutputLocation('S-0001#2024', 'results/mask.nii'); in a job the study may be left out.
%   Several studies give a cell array.
  found = nora_cells(jsondecode(DPX_nora('--out', varargin{:}, '--json')));
  paths = cellfun(@(one) one.absolute_path, found, 'UniformOutput', false);
  path = paths(:)';
  if numel(path) == 1
    path = path{1};
  end
end
