function cells = nora_cells(decoded)
%nora_cells  Give what a JSON list became as a cell array, however alike its elements are.
  if iscell(decoded)
    cells = decoded;
  elseif isempty(decoded)
    cells = {};
  else
    cells = num2cell(decoded);
  end
end
